//! The macros of CEL: calls that bind names.

use super::syntax::{Expr, Node};

/// A macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Macro {
    Has,
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    TransformList,
    TransformMap,
    TransformMapEntry,
    SortBy,
    OptMap,
    OptFlatMap,
}

/// Returns the macro that a call is, by its name and the number of its arguments.
pub(super) fn macro_of(function: &str, target: Option<&Expr>, args: &[Expr]) -> Option<Macro> {
    let known = match (function, args.len()) {
        ("has", 1) if target.is_none() => return Some(Macro::Has),
        ("all", 2 | 3) => Macro::All,
        ("exists", 2 | 3) => Macro::Exists,
        ("exists_one", 2) | ("existsOne", 2 | 3) => Macro::ExistsOne,
        ("map", 2 | 3) => Macro::Map,
        ("filter", 2) => Macro::Filter,
        ("transformList", 3 | 4) => Macro::TransformList,
        ("transformMap", 3 | 4) => Macro::TransformMap,
        ("transformMapEntry", 3 | 4) => Macro::TransformMapEntry,
        ("sortBy", 2) => Macro::SortBy,
        ("optMap", 2) => Macro::OptMap,
        ("optFlatMap", 2) => Macro::OptFlatMap,
        _ => return None,
    };
    target.map(|_| known)
}

impl Macro {
    /// Returns how many of the arguments are names.
    pub(super) fn variables(self, args: usize) -> usize {
        match self {
            Self::Has => 0,
            Self::All | Self::Exists | Self::ExistsOne => args - 1,
            Self::TransformList | Self::TransformMap | Self::TransformMapEntry => 2,
            Self::Map | Self::Filter | Self::SortBy | Self::OptMap | Self::OptFlatMap => 1,
        }
    }

    /// Returns how many of the arguments after the names are conditions.
    pub(super) fn conditions(self, rest: usize) -> usize {
        match self {
            Self::All | Self::Exists | Self::ExistsOne | Self::Filter => 1,
            Self::Map | Self::TransformList | Self::TransformMap | Self::TransformMapEntry => rest - 1,
            Self::Has | Self::SortBy | Self::OptMap | Self::OptFlatMap => 0,
        }
    }

    /// Whether the macro works on an optional value.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::OptMap | Self::OptFlatMap)
    }
}

/// Returns the name that an argument binds.
pub(super) fn bound(arg: &Expr) -> &str {
    match &arg.node {
        Node::Ident(name) => name,
        _ => "",
    }
}

/// Whether an expression speaks of a variable.
pub(super) fn uses(expr: &Expr, variable: &str) -> bool {
    match &expr.node {
        Node::Literal(_) => false,
        Node::Ident(name) => name == variable,
        Node::Select { operand, .. } => uses(operand, variable),
        Node::List(items) => items.iter().any(|(item, _)| uses(item, variable)),
        Node::Map(entries) => entries.iter().any(|(key, value, _)| uses(key, variable) || uses(value, variable)),
        Node::Call { target, args, .. } => {
            target.iter().any(|target| uses(target, variable)) || args.iter().any(|arg| uses(arg, variable))
        }
    }
}
