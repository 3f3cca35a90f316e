//! Applies what an operator needs before it can run: CRDs, its own identity and role, samples.

use std::path::{Path, PathBuf};

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, Scope};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::error::refused;
use super::{Event, Failure, Report, manifests, wait};

/// Under this name rop applies objects.
const FIELD_MANAGER: &str = "rop";

/// Who the operator is in the cluster. The names are those of `config/default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The prefix of all names: the name of the project.
    pub project: String,
    /// The namespace of the operator.
    pub namespace: String,
}

impl Identity {
    /// Returns the identity of a project.
    pub fn of(project: &str) -> Self {
        Self { project: project.to_owned(), namespace: format!("{project}-system") }
    }

    /// Returns the name of the ServiceAccount.
    pub fn service_account(&self) -> String {
        format!("{}-controller-manager", self.project)
    }

    /// Returns the objects that make up the identity, with the role under its name in the cluster.
    pub fn objects(&self, role: &Value) -> Vec<Value> {
        let Self { project, namespace } = self;
        let service_account = self.service_account();
        let (role_name, binding_name) = (format!("{project}-manager-role"), format!("{project}-manager-rolebinding"));
        let kind = role["kind"].as_str().unwrap_or("ClusterRole");
        let mut role = role.clone();
        role["metadata"]["name"] = role_name.as_str().into();
        let mut binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{kind}Binding"),
            "metadata": {"name": binding_name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name},
            "subjects": [{"kind": "ServiceAccount", "name": service_account, "namespace": namespace}],
        });
        if kind == "Role" {
            role["metadata"]["namespace"] = namespace.as_str().into();
            binding["metadata"]["namespace"] = namespace.as_str().into();
        }
        let labels = json!({"app.kubernetes.io/part-of": project});
        vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": service_account, "namespace": namespace, "labels": labels}}),
            role,
            binding,
        ]
    }
}

/// Applies CRDs and waits until the API server serves them.
///
/// # Errors
/// When the API server refuses one; its words are in the message.
pub async fn crds(client: &Client, crds: &[Value], report: &Report) -> Result<(), Failure> {
    for crd in crds {
        let name = manifests::name(crd).to_owned();
        let api = apply(client, crd, None)
            .await
            .map_err(|error| error.help("change the types in src/api so that the API server accepts their schema"))?;
        wait::until(&api, &name, &format!("the API server to serve {name}"), is_established).await?;
        report(Event::Applied(format!("CustomResourceDefinition {name}")));
    }
    Ok(())
}

fn is_established(crd: Option<&DynamicObject>) -> bool {
    let conditions = crd.and_then(|crd| crd.data["status"]["conditions"].as_array());
    conditions.into_iter().flatten().any(|c| c["type"] == "Established" && c["status"] == "True")
}

/// Applies the operator's identity and role.
///
/// # Errors
/// When the API server refuses an object.
pub async fn identity(client: &Client, identity: &Identity, role: &Value) -> Result<(), Failure> {
    for object in identity.objects(role) {
        apply(client, &object, None).await?;
    }
    Ok(())
}

/// Applies all objects of `config/samples`, in order of file names. Those that name no namespace go into `namespace`.
///
/// # Errors
/// When a file is not valid, or the API server refuses an object.
pub async fn samples(client: &Client, project: &Path, namespace: &str, report: &Report) -> Result<(), Failure> {
    for path in sample_files(&project.join("config/samples"))? {
        let failure = |error| Failure::new(format!("failed to read `{}`", path.display())).caused_by(error);
        let text = std::fs::read_to_string(&path).map_err(failure)?;
        for object in manifests::from_yaml(&text, &path)? {
            apply(client, &object, Some(namespace)).await?;
            let kind = object["kind"].as_str().unwrap_or_default();
            report(Event::Applied(format!("{kind} {}", manifests::name(&object))));
        }
    }
    Ok(())
}

fn sample_files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(Vec::new()) };
    let is_sample = |path: &PathBuf| {
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        yaml && path.file_stem().is_some_and(|stem| stem != "kustomization")
    };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_sample).collect();
    files.sort();
    Ok(files)
}

/// Applies one object by server-side apply, and returns the API of its kind where it is.
async fn apply(client: &Client, object: &Value, namespace: Option<&str>) -> Result<Api<DynamicObject>, Failure> {
    let (kind, name) = (object["kind"].as_str().unwrap_or_default(), manifests::name(object));
    let what = format!("failed to apply {kind} {name}");
    let (resource, capabilities) = resolve(client, object).await.map_err(|error| refused(&what, error))?;
    let namespace = object["metadata"]["namespace"].as_str().or(namespace).unwrap_or("default");
    let api = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(name, &params, &Patch::Apply(object)).await.map_err(|error| refused(&what, error))?;
    Ok(api)
}

/// Finds the resource of an object's kind.
async fn resolve(client: &Client, object: &Value) -> kube::Result<(ApiResource, ApiCapabilities)> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    kube::discovery::pinned_kind(client, &GroupVersionKind::gvk(group, version, text("kind"))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_in_a_namespace_is_bound_there() {
        let role = json!({"kind": "Role", "metadata": {"name": "manager-role"}, "rules": []});
        let objects = Identity::of("shop").objects(&role);
        let shown: Vec<_> = objects
            .iter()
            .map(|o| format!("{} {}", o["kind"].as_str().unwrap_or_default(), manifests::name(o)))
            .collect();
        let expected = [
            "Namespace shop-system",
            "ServiceAccount shop-controller-manager",
            "Role shop-manager-role",
            "RoleBinding shop-manager-rolebinding",
        ];
        assert_eq!(shown, expected);
        assert_eq!(objects[3]["metadata"]["namespace"], "shop-system");
        assert_eq!(objects[3]["roleRef"]["kind"], "Role");
    }
}
