//! What a built-in kind does differently from all others, as data: a [`Kind`] of functions, and the [`Strategy`] that
//! calls them. All of them get objects that are encoded as Go encodes them.

use serde_json::{Map, Value};

use super::field::{Field, Findings};
use super::service::allocation::Ledger;
use super::{autoscaling, event, go_type_name, go_types, service};
use crate::controlplane::env::Env;
use crate::controlplane::gvk::Gvk;
use crate::controlplane::resources::{Allocation, Strategy};
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::status::Status;
use crate::controlplane::validation::NameFormat;

/// The differences of one kind. Start from [`Kind::PLAIN`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// How names must look.
    pub(super) names: NameFormat,
    /// Whether `metadata.generation` counts.
    pub(super) generation: bool,
    /// Whether an update without `resourceVersion` is allowed.
    pub(super) unconditional_update: bool,
    /// Whether an update of a missing object creates it.
    pub(super) create_on_update: bool,
    /// Whether a deletion at once answers with the object.
    pub(super) returns_deleted: bool,
    /// Fills in defaults.
    pub(super) defaults: fn(&mut Value),
    /// Prepares a create, after the status has been emptied.
    pub(super) create: fn(&Env, &mut Value),
    /// Prepares an update, after the status has been reset.
    pub(super) update: fn(&mut Value, &Value),
    /// Prepares an update of the status.
    pub(super) status_update: fn(&mut Value, &Value),
    /// Checks an object, new or changed.
    pub(super) validate: fn(&Field<'_>, &mut Findings),
    /// Checks a change; [`Self::validate`] runs as well.
    pub(super) validate_update: fn(&Field<'_>, &Field<'_>, &mut Findings),
    /// Checks a change of the status.
    pub(super) validate_status: fn(&Field<'_>, &Field<'_>, &mut Findings),
    /// Returns warnings.
    pub(super) warnings: fn(&Value) -> Vec<String>,
    /// Returns the grace period of a deletion.
    pub(super) grace_period: fn(&Value, Option<i64>) -> Option<i64>,
    /// Marks an object whose deletion takes another way, and returns whether it does.
    pub(super) begin_deletion: fn(&Env, &mut Value) -> bool,
    /// Whether an object without finalizers must stay all the same.
    pub(super) holds_deletion: fn(&Value) -> bool,
    /// The warning with every request, if the kind is deprecated.
    pub(super) deprecation: Option<&'static str>,
    /// The warning when dependents are orphaned by default.
    pub(super) orphans: Option<&'static str>,
}

impl Kind {
    /// A kind without rules of its own.
    pub(super) const PLAIN: Self = Self {
        names: NameFormat::Subdomain,
        generation: false,
        unconditional_update: true,
        create_on_update: false,
        returns_deleted: false,
        defaults: |_| (),
        create: |_, _| (),
        update: |_, _| (),
        status_update: |_, _| (),
        validate: |_, _| (),
        validate_update: |_, _, _| (),
        validate_status: |_, _, _| (),
        warnings: |_| Vec::new(),
        grace_period: |_, _| None,
        begin_deletion: |_, _| false,
        holds_deletion: |_| false,
        deprecation: None,
        orphans: None,
    };
}

/// The strategy of a built-in kind.
#[derive(Debug)]
pub(super) struct BuiltIn {
    gvk: Gvk,
    go_type: String,
    kind: &'static Kind,
    has_status: bool,
    ledger: Ledger,
}

impl BuiltIn {
    /// Returns the strategy of a kind; `has_status` says whether it has a status subresource.
    pub(super) fn new(gvk: &Gvk, kind: &'static Kind, has_status: bool) -> Self {
        Self { gvk: gvk.clone(), go_type: go_type_name(gvk), kind, has_status, ledger: Ledger::default() }
    }

    /// Returns the status of an object that has none yet, as Go writes it.
    fn empty_status(&self) -> Option<Value> {
        go_types::zero(&self.go_type).get_mut("status").map(Value::take)
    }
}

impl Strategy for BuiltIn {
    fn name_format(&self) -> NameFormat {
        self.kind.names
    }

    fn default(&self, _env: &Env, object: &mut Value) {
        go_types::normalize(&self.go_type, object);
        (self.kind.defaults)(object);
        // A second time for what the defaults have added: order, and empty structs within.
        go_types::normalize(&self.go_type, object);
    }

    fn prepare_for_create(&self, env: &Env, object: &mut Value) {
        if self.has_status {
            reset(object, "status", self.empty_status());
        }
        (self.kind.create)(env, object);
    }

    fn prepare_for_update(&self, _env: &Env, object: &mut Value, old: &Value) {
        if self.has_status {
            reset(object, "status", old.get("status").cloned());
        }
        (self.kind.update)(object, old);
    }

    fn prepare_for_status_update(&self, _env: &Env, object: &mut Value, old: &Value) {
        (self.kind.status_update)(object, old);
    }

    fn validate(&self, object: &Value) -> Vec<FieldError> {
        let mut found = Findings::default();
        (self.kind.validate)(&Field::root(object), &mut found);
        found.0
    }

    fn validate_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let mut found = Findings::default();
        let (object, old) = (Field::root(object), Field::root(old));
        (self.kind.validate)(&object, &mut found);
        (self.kind.validate_update)(&object, &old, &mut found);
        found.0
    }

    fn validate_status_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let mut found = Findings::default();
        (self.kind.validate_status)(&Field::root(object), &Field::root(old), &mut found);
        found.0
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        (self.kind.warnings)(object)
    }

    fn allocate(&self, allocation: &Allocation<'_>, object: &mut Value, old: Option<&Value>) -> Vec<FieldError> {
        match (self.gvk.group.as_str(), self.gvk.kind.as_str()) {
            ("", "Service") => service::allocation::allocate(&self.ledger, allocation, object, old),
            _ => Vec::new(),
        }
    }

    fn convert(&self, object: &mut Value, target: &Gvk) -> Result<(), Status> {
        match self.gvk.kind.as_str() {
            "Event" => event::convert(object, &target.group_version()),
            "HorizontalPodAutoscaler" => autoscaling::convert(object, &target.group_version()),
            _ => (),
        }
        Ok(())
    }

    fn zero(&self) -> Value {
        go_types::zero(&self.go_type)
    }

    fn returns_deleted_object(&self) -> bool {
        self.kind.returns_deleted
    }

    fn deprecation_warning(&self) -> Option<&str> {
        self.kind.deprecation
    }

    fn orphans_by_default(&self) -> Option<&'static str> {
        self.kind.orphans
    }

    fn allows_unconditional_update(&self) -> bool {
        self.kind.unconditional_update
    }

    fn allows_create_on_update(&self) -> bool {
        self.kind.create_on_update
    }

    fn tracks_generation(&self) -> bool {
        self.kind.generation
    }

    fn begin_deletion(&self, env: &Env, object: &mut Value) -> bool {
        (self.kind.begin_deletion)(env, object)
    }

    fn holds_deletion(&self, object: &Value) -> bool {
        (self.kind.holds_deletion)(object)
    }

    fn grace_period(&self, object: &Value, requested: Option<i64>) -> Option<i64> {
        (self.kind.grace_period)(object, requested)
    }
}

/// Sets a field to what it was, or takes it away.
fn reset(object: &mut Value, field: &str, value: Option<Value>) {
    let Value::Object(map): &mut Value = object else { return };
    match value {
        Some(value) => drop(Map::insert(map, field.to_owned(), value)),
        None => drop(map.shift_remove(field)),
    }
}
