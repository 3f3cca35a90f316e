//! StatefulSets, and the ControllerRevisions that they and DaemonSets keep.
//!
//! Source: `ValidateStatefulSetSpec` of `k8s.io/kubernetes/pkg/apis/apps/validation/validation.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::validate_count_or_percent;
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::kind::Kind;
use crate::controlplane::resources::builtin::{pod, storage};
use crate::controlplane::validation::NameFormat;

const OTHER_FIELDS: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// StatefulSets.
pub(in crate::controlplane::resources::builtin) const STATEFUL_SET: Kind =
    Kind { names: NameFormat::Label, generation: true, defaults, validate, validate_update, ..Kind::PLAIN };

/// ControllerRevisions.
pub(in crate::controlplane::resources::builtin) const CONTROLLER_REVISION: Kind = Kind {
    validate: |revision, found| {
        found.not_negative(&revision.get("revision"));
        if !revision.get("data").is_set() {
            found.required(&revision.get("data"), "data is mandatory");
        }
    },
    validate_update: |new, old, found| found.immutable(&new.get("data"), &old.get("data")),
    ..Kind::PLAIN
};

fn defaults(set: &mut Value) {
    let spec = set.make("spec");
    spec.default("podManagementPolicy", "OrderedReady");
    let strategy = spec.make("updateStrategy");
    if strategy.text_at(&["type"]).is_empty() {
        strategy.put("type", "RollingUpdate");
    }
    if strategy.text_at(&["type"]) == "RollingUpdate" {
        strategy.make("rollingUpdate").default("partition", 0);
    }
    let retention = spec.make("persistentVolumeClaimRetentionPolicy");
    for when in ["whenDeleted", "whenScaled"] {
        if retention.text_at(&[when]).is_empty() {
            retention.put(when, "Retain");
        }
    }
    spec.default("replicas", 1);
    spec.default("revisionHistoryLimit", 10);
    spec.each("volumeClaimTemplates", |claim| {
        claim.put("kind", "PersistentVolumeClaim");
        claim.put("apiVersion", "v1");
        storage::default_claim(claim);
    });
    pod::default_template(spec);
}

fn validate(set: &Field<'_>, found: &mut Findings) {
    let spec = set.get("spec");
    let policy = spec.get("podManagementPolicy");
    if !["OrderedReady", "Parallel"].contains(&policy.text()) {
        found.invalid(&policy, "must be 'OrderedReady' or 'Parallel'");
    }
    validate_strategy(&spec.get("updateStrategy"), found);
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    for when in ["whenDeleted", "whenScaled"] {
        found.one_of(&retention.get(when), &["Delete", "Retain"]);
    }
    for name in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        found.not_negative(&spec.get(name));
    }
    found.not_negative(&spec.at(&["ordinals", "start"]));
    super::validate_selector_and_template(&spec, "statefulset", found);
    super::validate_runs_forever(&spec, "StatefulSet", found);
}

fn validate_strategy(strategy: &Field<'_>, found: &mut Findings) {
    let (kind, rolling) = (strategy.get("type"), strategy.get("rollingUpdate"));
    match kind.text() {
        "OnDelete" if rolling.is_set() => {
            let detail = format!("only allowed for updateStrategy '{}'", "RollingUpdate");
            found.invalid(&rolling, detail);
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            found.not_negative(&rolling.get("partition"));
            if rolling.get("maxUnavailable").is_set() {
                validate_count_or_percent(&rolling.get("maxUnavailable"), found);
            }
        }
        _ => found.invalid(&kind, "must be 'RollingUpdate' or 'OnDelete'"),
    }
}

fn validate_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let rest = |set: &Field<'_>| {
        let mut spec = set.value.get("spec").cloned().unwrap_or(json!({}));
        MUTABLE.iter().for_each(|field| spec.drop_field(field));
        spec
    };
    if rest(new) != rest(old) {
        found.forbidden(&new.get("spec"), OTHER_FIELDS);
    }
}
