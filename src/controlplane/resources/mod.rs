//! The resources that are served: a row each, built-in or made from a CRD at run time.
//!
//! No kind has a handler of its own: what a kind does differently stands in its row ([`Resource`]) and in its
//! [`Strategy`].

pub mod builtin;
pub mod crd;
pub mod custom;

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::env::Env;
use super::gvk::{GroupResource, Gvk, Gvr};
use super::object::Object;
use super::schema::Schema;
use super::schema::field_error::FieldError;
use super::status::Status;
use super::validation::NameFormat;

/// One served version of one resource.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Group, version and kind of its objects.
    pub gvk: Gvk,
    /// The plural name in URLs.
    pub plural: String,
    /// The lower-case singular name.
    pub singular: String,
    /// The kind of lists, `DeploymentList`.
    pub list_kind: String,
    /// Names for the command line, `deploy`.
    pub short_names: Vec<String>,
    /// Groups of resources for the command line, `all`.
    pub categories: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// The verbs of discovery, in upstream's order.
    pub verbs: Vec<&'static str>,
    /// What is served below an object.
    pub subresources: Vec<Subresource>,
    /// The columns of tables. Of custom resources those behind the name; of built-in kinds all, or none for the generic two.
    pub columns: OnDemand<Vec<Column>>,
    /// The schema of objects.
    pub schema: OnDemand<Arc<Schema>>,
    /// JSON paths that field selectors may name, beside name and namespace (`spec.nodeName`).
    pub selectable_fields: Vec<String>,
    /// The version in which objects are stored; they are converted on the way in and out.
    pub storage_version: String,
    /// Where objects are stored. Equal to group and plural but for the few that share a storage (events).
    pub storage: GroupResource,
    /// Where the row comes from.
    pub origin: Origin,
    /// What the kind does differently.
    pub strategy: Arc<dyn Strategy>,
}

impl Resource {
    /// Returns the endpoint.
    pub fn gvr(&self) -> Gvr {
        Gvr::new(&self.gvk.group, &self.gvk.version, &self.plural)
    }

    /// Returns group and plural name.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&self.gvk.group, &self.plural)
    }

    /// Returns a subresource by name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }
}

/// A part of a row that is made when it is first looked at, and then kept: most rows are never asked for theirs.
#[derive(Clone)]
pub struct OnDemand<T>(Arc<LazyLock<T, Init<T>>>);

type Init<T> = Box<dyn FnOnce() -> T + Send + Sync>;

impl<T> OnDemand<T> {
    /// Returns a part that `init` will make.
    pub fn new(init: impl FnOnce() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(init))))
    }
}

impl<T: Send + Sync + 'static> From<T> for OnDemand<T> {
    fn from(value: T) -> Self {
        Self::new(move || value)
    }
}

impl<T> Deref for OnDemand<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for OnDemand<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnDemand").finish_non_exhaustive()
    }
}

/// Where a row comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Part of Kubernetes.
    BuiltIn,
    /// Made from the CRD with this name.
    Custom {
        /// The name of the CRD.
        crd: String,
    },
}

/// What is served below an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subresource {
    /// The last part of the path: `status`, `scale`, `eviction`.
    pub name: &'static str,
    /// The kind that discovery shows, when it is not the parent's (`Scale` of `autoscaling/v1`).
    pub gvk: Option<Gvk>,
    /// The verbs of discovery.
    pub verbs: Vec<&'static str>,
    /// The JSON paths of a scale subresource.
    pub scale: Option<ScalePaths>,
}

/// Where a scale subresource finds its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// Below the object, such as `.spec.replicas`.
    pub spec_replicas: String,
    /// Below the object, such as `.status.replicas`.
    pub status_replicas: String,
    /// Below the object, such as `.status.selector`, if there is one.
    pub label_selector: Option<String>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// The heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub column_type: String,
    /// The OpenAPI format, such as `name`; may be empty.
    pub format: String,
    /// What the column shows.
    pub description: String,
    /// 0 for always, above for `-o wide`.
    pub priority: i32,
    /// Where the cell comes from.
    pub cell: Cell,
}

/// Where a cell comes from.
#[derive(Clone)]
pub enum Cell {
    /// The value at a JSON path, as for custom resources.
    Path(String),
    /// A printer of a built-in kind; the second argument is the present time.
    Printer(fn(&Value, &Env) -> Value),
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Printer(_) => f.debug_tuple("Printer").finish(),
        }
    }
}

/// What a [`Strategy`] needs to hand out something unique.
#[derive(Clone, Copy)]
pub struct Allocation<'a> {
    /// Time and randomness.
    pub env: &'a Env,
    /// Returns the stored objects of a resource, in storage version.
    pub list: &'a dyn Fn(&GroupResource) -> Vec<Arc<Value>>,
    /// Whether nothing will be written: what is handed out is not kept.
    pub dry_run: bool,
}

impl std::fmt::Debug for Allocation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allocation").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

/// What a kind does differently. The order in a create is `default`, (mutating admission, `default` again),
/// `prepare_for_create`, `validate`, `canonicalize`; in an update the same with the `_update` forms.
///
/// Source: `k8s.io/apiserver/pkg/registry/rest/{create,update}.go`.
pub trait Strategy: std::fmt::Debug + Send + Sync {
    /// Returns the form that names of objects must have.
    fn name_format(&self) -> NameFormat {
        NameFormat::Subdomain
    }

    /// Fills in defaults that the schema does not hold. Must be idempotent.
    fn default(&self, _env: &Env, _object: &mut Value) {}

    /// Clears what a client may not set on create (status), and sets what the server decides.
    fn prepare_for_create(&self, _env: &Env, _object: &mut Value) {}

    /// Resets what a client may not change (status, for the main resource).
    fn prepare_for_update(&self, _env: &Env, _object: &mut Value, _old: &Value) {}

    /// Resets what a write to the status subresource may not change beside what is reset for all kinds (everything
    /// but metadata and status).
    fn prepare_for_status_update(&self, _env: &Env, _object: &mut Value, _old: &Value) {}

    /// Returns the findings about a new object. Must not mutate.
    fn validate(&self, _object: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// Returns the findings about a changed object, immutable fields included. Must not mutate.
    fn validate_update(&self, object: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate(object)
    }

    /// Returns the findings about a changed status. Must not mutate.
    fn validate_status_update(&self, _object: &Value, _old: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// Returns warnings for the client about a valid object.
    fn warnings(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }

    /// Hands out what must be unique among the stored objects (a Service's addresses and ports), after validation and
    /// before the write. Returns the findings when that is not possible.
    ///
    /// Source: `BeginCreate` and `BeginUpdate` of `k8s.io/apiserver/pkg/registry/generic/registry/store.go`.
    fn allocate(&self, _allocation: &Allocation<'_>, _object: &mut Value, _old: Option<&Value>) -> Vec<FieldError> {
        Vec::new()
    }

    /// Turns an object into another served version of its kind. The versions share one storage.
    fn convert(&self, object: &mut Value, target: &Gvk) -> Result<(), Status> {
        object.set(&["apiVersion"], target.group_version().to_string());
        object.set(&["kind"], target.kind.as_str());
        Ok(())
    }

    /// Returns the object of this kind with nothing set, as upstream encodes it. A create owns (in `managedFields`)
    /// what differs from it.
    fn zero(&self) -> Value {
        Value::Object(serde_json::Map::new())
    }

    /// For kinds that mark themselves when their deletion is first asked for, and go by another way: marks the object,
    /// its deletion time included, and returns true. False leaves the deletion to the ordinary course.
    fn begin_deletion(&self, _env: &Env, _object: &mut Value) -> bool {
        false
    }

    /// Whether an object that has no finalizers must stay all the same (a namespace's `spec.finalizers`).
    fn holds_deletion(&self, _object: &Value) -> bool {
        false
    }

    /// Whether a deletion that is done at once answers with the object instead of a `Status`.
    fn returns_deleted_object(&self) -> bool {
        false
    }

    /// For kinds whose dependents are orphaned when a deletion names no propagation policy: the warning to the client.
    fn orphans_by_default(&self) -> Option<&'static str> {
        None
    }

    /// Returns what clients of this version are warned of with every request, if the version is deprecated.
    fn deprecation_warning(&self) -> Option<&str> {
        None
    }

    /// Whether an update without `resourceVersion` is allowed.
    fn allows_unconditional_update(&self) -> bool {
        true
    }

    /// Whether an update of a missing object creates it.
    fn allows_create_on_update(&self) -> bool {
        false
    }

    /// Whether `metadata.generation` counts changes of everything but metadata and status.
    fn tracks_generation(&self) -> bool {
        true
    }

    /// Returns the grace period in seconds of a deletion that asks for `requested`; `None` deletes at once.
    fn grace_period(&self, _object: &Value, _requested: Option<i64>) -> Option<i64> {
        None
    }
}
