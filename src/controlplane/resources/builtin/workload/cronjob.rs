//! CronJobs.
//!
//! Source: `validateCronJobSpec` of `k8s.io/kubernetes/pkg/apis/batch/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::job;
use crate::controlplane::cron::Schedule;
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::kind::Kind;
use crate::controlplane::resources::builtin::pod;

/// Names of jobs get eleven characters more.
const MAX_NAME_LEN: usize = 52;

/// CronJobs.
pub(in crate::controlplane::resources::builtin) const CRON_JOB: Kind =
    Kind { generation: true, defaults, validate, ..Kind::PLAIN };

fn defaults(job: &mut Value) {
    let spec = job.make("spec");
    if spec.text_at(&["concurrencyPolicy"]).is_empty() {
        spec.put("concurrencyPolicy", "Allow");
    }
    spec.default("suspend", false);
    spec.default("successfulJobsHistoryLimit", 3);
    spec.default("failedJobsHistoryLimit", 1);
    if let Some(job_spec) = spec.child("jobTemplate").and_then(|template| template.child("spec")) {
        pod::default_template(job_spec);
    }
}

fn validate(job: &Field<'_>, found: &mut Findings) {
    let spec = job.get("spec");
    validate_schedule(&spec, found);
    found.not_negative(&spec.get("startingDeadlineSeconds"));
    found.one_of(&spec.get("concurrencyPolicy"), &["Allow", "Forbid", "Replace"]);
    job::validate_spec(&spec.at(&["jobTemplate", "spec"]), false, found);
    found.not_negative(&spec.get("successfulJobsHistoryLimit"));
    found.not_negative(&spec.get("failedJobsHistoryLimit"));
    let name = job.at(&["metadata", "name"]);
    if name.text().len() > MAX_NAME_LEN {
        found.invalid(&name, format!("must be no more than {MAX_NAME_LEN} characters"));
    }
}

fn validate_schedule(spec: &Field<'_>, found: &mut Findings) {
    let (schedule, zone) = (spec.get("schedule"), spec.get("timeZone"));
    if schedule.is_empty() {
        found.required(&schedule, "");
    } else {
        if let Err(detail) = Schedule::parse(schedule.text()) {
            found.invalid(&schedule, detail);
        }
        if schedule.text().contains("TZ") {
            let detail = if zone.is_set() {
                "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            } else {
                "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            };
            found.invalid(&schedule, detail);
        }
    }
    if !zone.is_set() {
        return;
    }
    match zone.text() {
        "" => found.invalid(&zone, "timeZone must be nil or non-empty string"),
        name if name.eq_ignore_ascii_case("local") => {
            found.invalid(&zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")
        }
        name if jiff::tz::TimeZone::get(name).is_err() => found.invalid(&zone, format!("unknown time zone {name}")),
        _ => {}
    }
}
