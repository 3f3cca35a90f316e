//! Field sets that were written when the schema was another.
//!
//! What has become atomic is owned as a whole by who owned a part of it. The other way round nothing changes.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed/reconcile_schema.go`.

use super::{Identity, List, Map, Shape, Type};
use crate::controlplane::patch::field_set::{FieldSet, Node};
use crate::controlplane::schema::SchemaType;

/// Returns the set as the present schema would have it.
pub(crate) fn reconcile(set: &FieldSet, schema: Type<'_>) -> FieldSet {
    let nodes = set.nodes().iter().map(|node| {
        let below = match schema.step(&node.element) {
            // Nothing is known of the place, or nothing that could have changed.
            None | Some(Type::Deduced | Type::Atomic) => return node.clone(),
            Some(below) => below,
        };
        if !node.children.is_empty() && is_atomic(below) {
            return Node::leaf(node.element.clone());
        }
        let children = reconcile(&node.children, below);
        Node { element: node.element.clone(), member: node.member, children }
    });
    FieldSet::from_nodes(nodes.collect())
}

fn is_atomic(schema: Type<'_>) -> bool {
    match schema {
        Type::Known { schema: known, .. } if known.schema_type == Some(SchemaType::Array) => {
            matches!(schema.shape(None), Shape::List(List { identity: Identity::Atomic, .. }))
        }
        _ => matches!(schema.shape(None), Shape::Map(Map { atomic: true, .. })),
    }
}
