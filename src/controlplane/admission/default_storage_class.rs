//! Claims that name no storage class get the default one, if there is one.
//!
//! Source: `plugin/pkg/admission/storage/storageclass/setdefault/admission.go`, Kubernetes 1.36.

use serde_json::Value;

use super::{Attributes, Operation};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

const IS_DEFAULT: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// How claims named their class before there was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Gives a new claim its class. An empty name asks for none, and stays.
pub(super) fn admit(attributes: &Attributes<'_>, claim: &mut Value) -> Result<(), Status> {
    let is_new_claim = attributes.operation == Operation::Create
        && attributes.resource.gvk.kind == "PersistentVolumeClaim"
        && attributes.resource.gvk.group.is_empty()
        && attributes.subresource.is_empty();
    let has_class = claim.at(&["spec", "storageClassName"]).is_some_and(Value::is_string)
        || claim.annotation(CLASS_ANNOTATION).is_some();
    if !is_new_claim || has_class {
        return Ok(());
    }
    let classes = attributes.objects.list(&GroupResource::new("storage.k8s.io", "storageclasses"), "");
    let classes: Vec<&Value> = classes.iter().map(|stored| &stored.value).collect();
    if let Some(class) = default_class(&classes) {
        claim.set(&["spec", "storageClassName"], class.name());
    }
    Ok(())
}

/// Returns the default class; of several the newest, and of those of one age the first by name.
fn default_class<'a>(classes: &[&'a Value]) -> Option<&'a Value> {
    let is_default = |class: &&&Value| IS_DEFAULT.iter().any(|key| class.annotation(key) == Some("true"));
    let created = |class: &Value| class.text_at(&["metadata", "creationTimestamp"]).to_owned();
    classes.iter().filter(is_default).copied().max_by(|a, b| (created(a), b.name()).cmp(&(created(b), a.name())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_several_defaults_the_newest_counts() {
        let class = |name: &str, created: &str, default: &str| json!({"metadata": {"name": name, "creationTimestamp": created, "annotations": {IS_DEFAULT[0]: default}}});
        let classes = [
            class("a", "2024", "true"),
            class("c", "2025", "true"),
            class("b", "2025", "true"),
            class("d", "2026", "false"),
        ];
        let classes: Vec<&Value> = classes.iter().collect();
        assert_eq!(default_class(&classes).map(Object::name), Some("b"));
        assert_eq!(default_class(&[]), None);
    }
}
