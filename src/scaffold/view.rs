//! What templates see: every spelling of every name, computed once.
//!
//! Two places that convert case will disagree one day, so templates only print.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::project::{Project, Resource};

/// The variables of a template.
#[derive(Debug, Clone, Serialize)]
pub(super) struct View {
    pub(super) project: ProjectView,
    /// The APIs whose types the project defines, sorted by `api_module`.
    pub(super) resources: Vec<ApiView>,
    /// Those that it reconciles.
    pub(super) controllers: Vec<ApiView>,
    /// Those that it defines and reconciles.
    pub(super) integration: Vec<ApiView>,
    /// The modules directly below `src/api`, sorted.
    pub(super) api_modules: BTreeSet<String>,
    /// The modules directly below `src/controllers`, sorted.
    pub(super) controller_modules: BTreeSet<String>,
    /// The names of the files below `config/crd/bases`, sorted.
    pub(super) crd_files: BTreeSet<String>,
    /// What the role of the operator allows, sorted.
    pub(super) role_rules: BTreeSet<RuleView>,
    /// The API that an API template is rendered for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api: Option<ApiView>,
    /// The modules of the folder that a list of modules is rendered for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modules: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct ProjectView {
    /// `my-shop`, also the package
    pub(super) name: String,
    /// `my_shop`, the library
    pub(super) lib_name: String,
    /// `example.com`
    pub(super) domain: String,
    /// The address of the repository, or null
    pub(super) repository: Option<String>,
    /// Who owns the copyright, or null
    pub(super) owner: Option<String>,
    /// An SPDX expression, or null
    pub(super) license: Option<String>,
    /// The same for people, `No license` for none
    pub(super) license_name: String,
    /// Whether the operator watches its own namespace only
    pub(super) namespaced: bool,
    /// `my-shop-system`
    pub(super) namespace: String,
    /// The version of this rop
    pub(super) rop_version: &'static str,
}

/// A rule of the operator's role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct RuleView {
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) verbs: Vec<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct ApiView {
    /// `app.example.com`
    pub(super) group: String,
    /// `app`, or empty
    pub(super) group_name: String,
    /// `app`, or empty: the group as a module
    pub(super) group_module: String,
    /// `app/`, or empty
    pub(super) group_dir: String,
    /// `v1alpha1`
    pub(super) version: String,
    /// `app.example.com/v1alpha1`
    pub(super) api_version: String,
    /// `MyApp`
    pub(super) kind: String,
    /// `my_app`; `match_` for a keyword
    pub(super) kind_snake: String,
    /// `my-app`
    pub(super) kind_kebab: String,
    /// `myapp`
    pub(super) kind_lower: String,
    /// `myapp`
    pub(super) singular: String,
    /// `myapps`
    pub(super) plural: String,
    /// `ma`, or null
    pub(super) short_name: Option<String>,
    /// `myapps.app.example.com`
    pub(super) crd_name: String,
    /// Whether its objects live in namespaces.
    pub(super) namespaced: bool,
    /// Whether the project defines its type.
    pub(super) resource: bool,
    /// Whether the project reconciles it.
    pub(super) controller: bool,
    /// `redis:7`
    pub(super) image: String,
    /// `redis`
    pub(super) image_name: String,
    /// `6379`
    pub(super) port: u16,
    /// Under `crate::api`: `app::v1alpha1::my_app`
    pub(super) api_module: String,
    /// Under `crate::controllers`: `app::my_app`
    pub(super) controller_module: String,
    /// One word for the API in the project: `app_v1alpha1_my_app`
    pub(super) module: String,
    /// `app.example.com_myapps.yaml`
    pub(super) crd_file: String,
    /// `app_v1alpha1_my_app.yaml`
    pub(super) sample_file: String,
}

impl View {
    /// Returns the view of a whole project.
    pub(super) fn of(project: &Project) -> Self {
        let mut apis: Vec<ApiView> = project.resources().iter().map(ApiView::of).collect();
        apis.sort_by(|a, b| a.api_module.cmp(&b.api_module));
        let of = |wanted: fn(&ApiView) -> bool| apis.iter().filter(|api| wanted(api)).cloned().collect::<Vec<_>>();
        let (resources, controllers) = (of(|api| api.resource), of(|api| api.controller));
        let first = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
        Self {
            project: ProjectView::of(project),
            integration: of(|api| api.resource && api.controller),
            api_modules: resources.iter().map(|api| first(&api.api_module)).collect(),
            controller_modules: controllers.iter().map(|api| first(&api.controller_module)).collect(),
            crd_files: resources.iter().map(|api| api.crd_file.clone()).collect(),
            role_rules: role_rules(&controllers),
            resources,
            controllers,
            api: None,
            modules: None,
        }
    }

    /// Returns the view of the same project for one of its APIs.
    pub(super) fn for_api(&self, api: &ApiView) -> Self {
        Self { api: Some(api.clone()), ..self.clone() }
    }

    /// Returns the view of the same project for the list of the modules in a folder.
    pub(super) fn for_modules(&self, modules: BTreeSet<String>) -> Self {
        Self { modules: Some(modules), ..self.clone() }
    }
}

const READ: &[&str] = &["get", "list", "watch"];
const OWN: &[&str] = &["get", "list", "watch", "create", "patch"];

/// Returns what the rules beside the generated controllers add up to, which is what `rop generate` finds there.
fn role_rules(controllers: &[ApiView]) -> BTreeSet<RuleView> {
    let rule = |group: &str, resource: &str, verbs: &[&'static str]| RuleView {
        group: group.to_owned(),
        resource: resource.to_owned(),
        verbs: verbs.to_vec(),
    };
    let of_controller = |api: &ApiView| {
        [
            rule(&api.group, &api.plural, READ),
            rule(&api.group, &format!("{}/status", api.plural), &["patch"]),
            rule("apps", "deployments", OWN),
            rule("", "services", OWN),
        ]
    };
    let events = rule("events.k8s.io", "events", &["create", "patch"]);
    controllers.iter().flat_map(of_controller).chain([events]).collect()
}

impl ProjectView {
    fn of(project: &Project) -> Self {
        let name = project.name.to_string();
        Self {
            lib_name: project.name.lib_name(),
            domain: project.domain.to_string(),
            repository: project.repository.as_ref().map(ToString::to_string),
            owner: project.owner.as_ref().map(ToString::to_string),
            license: project.license.as_ref().map(ToString::to_string),
            license_name: project.license.as_ref().map_or_else(|| "No license".to_owned(), ToString::to_string),
            namespaced: project.watches.is_namespaced(),
            namespace: format!("{name}-system"),
            rop_version: env!("CARGO_PKG_VERSION"),
            name,
        }
    }
}

impl ApiView {
    fn of(resource: &Resource) -> Self {
        let Resource { group, version, kind, plural, short_name, scope, types, controller, operand } = resource;
        let group_module = group.module().unwrap_or_default();
        let group_name = group.name().map(ToString::to_string).unwrap_or_default();
        let joined = |separator: &str, parts: &[&str]| {
            parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
        };
        let (module, version_text, lower) = (kind.module(), version.to_string(), kind.lower());
        let name = joined("_", &[&group_module, &version_text, &module]);
        Self {
            group: group.to_string(),
            group_dir: if group_module.is_empty() { String::new() } else { format!("{group_module}/") },
            version: version_text.clone(),
            api_version: resource.api_version(),
            kind: kind.to_string(),
            kind_snake: module.clone(),
            kind_kebab: kind.kebab(),
            singular: lower.clone(),
            plural: plural.to_string(),
            short_name: short_name.clone(),
            crd_name: resource.crd_name(),
            namespaced: scope.is_namespaced(),
            resource: *types,
            controller: *controller,
            image: operand.image.to_string(),
            image_name: operand.image.short_name().to_owned(),
            port: operand.port.number(),
            api_module: joined("::", &[&group_module, &version_text, &module]),
            controller_module: joined("::", &[&group_module, &module]),
            sample_file: format!("{name}.yaml"),
            module: name,
            crd_file: format!("{group}_{plural}.yaml"),
            kind_lower: lower,
            group_name,
            group_module,
        }
    }
}
