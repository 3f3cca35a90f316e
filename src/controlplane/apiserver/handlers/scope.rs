//! What every handler knows of its request: the row that serves it, the place it names, who asks.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::controlplane::admission::{Attributes, Operation};
use crate::controlplane::apiserver::options::WriteOptions;
use crate::controlplane::apiserver::registry::Served;
use crate::controlplane::apiserver::request_info::RequestInfo;
use crate::controlplane::apiserver::{ApiServer, ObjectRef};
use crate::controlplane::gvk::{GroupResource, Gvk};
use crate::controlplane::identity::escalation::{self, RbacWrite};
use crate::controlplane::identity::rbac;
use crate::controlplane::identity::users::UserInfo;
use crate::controlplane::object::Object;
use crate::controlplane::patch::managed_fields::manager_name;
use crate::controlplane::resources::{Allocation, Resource};
use crate::controlplane::status::Status;
use crate::controlplane::storage::{ObjectKey, Stored};

/// One request, past authorization.
#[derive(Debug)]
pub(crate) struct Scope {
    /// The server.
    pub server: ApiServer,
    /// The row that serves the request.
    pub served: Arc<Served>,
    /// The namespace of the URL; empty for none.
    pub namespace: String,
    /// The name of the URL; empty for none.
    pub name: String,
    /// What is below the object; empty for none.
    pub subresource: String,
    /// Who asks.
    pub user: UserInfo,
    /// Under which name changes are recorded in `managedFields`.
    pub field_manager: String,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// What the client is told beside the answer.
    pub warnings: Mutex<Vec<String>>,
}

impl Scope {
    /// Returns the scope of a request whose options are not read yet.
    pub(crate) fn new(server: &ApiServer, served: Arc<Served>, info: &RequestInfo, user: UserInfo) -> Self {
        Self {
            server: server.clone(),
            served,
            namespace: info.namespace.clone(),
            name: info.name.clone(),
            subresource: info.subresource.clone(),
            user,
            field_manager: String::new(),
            dry_run: false,
            warnings: Mutex::default(),
        }
    }

    /// Takes over what the options of a write say; who names no field manager is known by his user agent.
    pub(crate) fn set_options(&mut self, options: &WriteOptions, user_agent: &str) {
        self.dry_run = options.dry_run;
        self.field_manager = manager_name(&options.field_manager, user_agent);
    }

    /// Returns the row.
    pub(crate) fn resource(&self) -> &Resource {
        &self.served.resource
    }

    /// Returns group and resource, as messages name them.
    pub(crate) fn group_resource(&self) -> GroupResource {
        self.resource().group_resource()
    }

    /// Returns the namespace in which objects are kept: that of the URL, and none for resources without.
    pub(crate) fn storage_namespace(&self) -> &str {
        if self.resource().namespaced { &self.namespace } else { "" }
    }

    /// Returns where an object of this request is.
    pub(crate) fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::new(self.storage_namespace(), name)
    }

    /// Returns the stored object that the URL names.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Stored>, Status> {
        let found = self.server.store().get(&self.resource().storage, &self.key(name));
        found.ok_or_else(|| Status::not_found(&self.group_resource(), name))
    }

    /// Tells the client something beside the answer, once.
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        let warning = warning.into();
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Returns a stored object in the version of this request.
    ///
    /// # Errors
    /// The conversion failed.
    pub(crate) fn present(&self, stored: &Arc<Stored>) -> Result<ObjectRef, Status> {
        present(&self.served, stored, self.server.env())
    }

    /// Turns an object of this request's version into the one that is stored.
    ///
    /// # Errors
    /// The conversion failed.
    pub(crate) fn to_storage(&self, object: &mut Value) -> Result<(), Status> {
        let resource = self.resource();
        let target = storage_gvk(resource);
        if target == resource.gvk { Ok(()) } else { resource.strategy.convert(object, &target) }
    }

    /// Lets the kind hand out what must be unique.
    ///
    /// # Errors
    /// 422 when that is not possible.
    pub(crate) fn allocate(&self, object: &mut Value, old: Option<&Value>) -> Result<(), Status> {
        let store = self.server.store();
        let list = |resource: &GroupResource| {
            store.list(resource).objects.values().map(|stored| Arc::new(stored.value.clone())).collect()
        };
        let allocation = Allocation { env: self.server.env(), list: &list, dry_run: self.dry_run };
        let found = self.resource().strategy.allocate(&allocation, object, old);
        if found.is_empty() { Ok(()) } else { Err(Status::invalid(&self.resource().gvk, object.name(), &found)) }
    }

    /// Checks that a write of a role or binding grants nothing that its author does not hold.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn check_grants(&self, object: &Value, old: Option<&Value>) -> Result<(), Status> {
        let GroupResource { group, resource } = self.group_resource();
        if group != rbac::GROUP {
            return Ok(());
        }
        let write =
            RbacWrite { user: &self.user, resource: &resource, namespace: self.storage_namespace(), object, old };
        escalation::check(self.server.authorizer(), &write)
    }

    /// Returns what admission is told.
    pub(crate) fn attributes<'a>(
        &'a self,
        operation: Operation,
        name: &'a str,
        old: Option<&'a Value>,
    ) -> Attributes<'a> {
        Attributes {
            operation,
            resource: self.resource(),
            namespace: &self.namespace,
            name,
            subresource: &self.subresource,
            user: &self.user,
            old,
            dry_run: self.dry_run,
            objects: &self.server,
        }
    }
}

/// Returns a stored object in the version of a row.
///
/// # Errors
/// The conversion failed.
pub(crate) fn present(
    served: &Served,
    stored: &Arc<Stored>,
    env: &crate::controlplane::env::Env,
) -> Result<ObjectRef, Status> {
    let resource = &served.resource;
    let fits = stored.revision >= served.since && storage_gvk(resource) == resource.gvk;
    if fits || is_of(&stored.value, &resource.gvk) && served.since == 0 {
        return Ok(ObjectRef::Stored(stored.clone()));
    }
    let mut object = stored.value.clone();
    if !is_of(&object, &resource.gvk) {
        resource.strategy.convert(&mut object, &resource.gvk)?;
    }
    crate::controlplane::apiserver::fit::to_row(resource, env, &mut object);
    Ok(ObjectRef::Value(Arc::new(object)))
}

/// Returns what stored objects of a row say they are.
pub(crate) fn storage_gvk(resource: &Resource) -> Gvk {
    Gvk::new(&resource.storage.group, &resource.storage_version, &resource.gvk.kind)
}

fn is_of(object: &Value, gvk: &Gvk) -> bool {
    let api_version = object.text_at(&["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    (group, version, object.text_at(&["kind"])) == (&gvk.group, &gvk.version, &gvk.kind)
}
