//! What extends the API server, and how it shares its time.

use serde_json::Value;

use super::cells::{self, NONE, UNSET, count, items, text_or};
use super::{AGE, Field, NAME, Printed, Text, integer, text};
use crate::controlplane::object::Object;

pub(super) const WEBHOOKS: &[Printed] = &[
    NAME,
    integer(
        "Webhooks",
        Text("Webhooks indicates the number of webhooks registered in this configuration"),
        |object, _| cells::len(object, &["webhooks"]).into(),
    ),
    AGE,
];

const PARAM_KIND: Printed = text(
    "ParamKind",
    Text("ParamKind specifies the kind of resources used to parameterize this policy"),
    |policy, _| match policy.at(&["spec", "paramKind"]) {
        Some(kind) => format!("{}/{}", kind.text_at(&["apiVersion"]), kind.text_at(&["kind"])).into(),
        None => UNSET.into(),
    },
);

pub(super) const VALIDATING_POLICY: &[Printed] = &[
    NAME,
    integer(
        "Validations",
        Text("Validations indicates the number of validation rules defined in this configuration"),
        |policy, _| cells::len(policy, &["spec", "validations"]).into(),
    ),
    PARAM_KIND,
    AGE,
];

pub(super) const MUTATING_POLICY: &[Printed] = &[
    NAME,
    integer(
        "Mutations",
        Text("Mutation indicates the number of mutations rules defined in this configuration"),
        |policy, _| cells::len(policy, &["spec", "mutations"]).into(),
    ),
    PARAM_KIND,
    AGE,
];

pub(super) const POLICY_BINDING: &[Printed] = &[
    NAME,
    text(
        "PolicyName",
        Text("PolicyName indicates the policy definition which the policy binding binded to"),
        |binding, _| binding.text_at(&["spec", "policyName"]).into(),
    ),
    text("ParamRef", Text("ParamRef indicates the param resource which sets the configration param"), |binding, _| {
        match binding.at(&["spec", "paramRef"]) {
            Some(reference) => match reference.text_at(&["namespace"]) {
                "" => reference.text_at(&["name"]).into(),
                namespace => format!("{namespace}/{}", reference.text_at(&["name"])).into(),
            },
            None => UNSET.into(),
        }
    }),
    AGE,
];

pub(super) const API_SERVICE: &[Printed] = &[
    NAME,
    text("Service", Text("The reference to the service that hosts this API endpoint."), |service, _| {
        match service.at(&["spec", "service"]) {
            Some(reference) => format!("{}/{}", reference.text_at(&["namespace"]), reference.text_at(&["name"])).into(),
            None => "Local".into(),
        }
    }),
    text("Available", Text("Whether this service is available."), |service, _| {
        let available =
            items(service, &["status", "conditions"]).find(|condition| condition.text_at(&["type"]) == "Available");
        match available {
            Some(condition) if condition.text_at(&["status"]) == "True" => "True".into(),
            Some(condition) => {
                format!("{} ({})", condition.text_at(&["status"]), condition.text_at(&["reason"])).into()
            }
            None => "Unknown".into(),
        }
    }),
    AGE,
];

pub(super) const FLOW_SCHEMA: &[Printed] = &[
    NAME,
    text("PriorityLevel", Field("flowcontrol.v1.PriorityLevelConfigurationReference", "name"), |schema, _| {
        schema.text_at(&["spec", "priorityLevelConfiguration", "name"]).into()
    }),
    integer("MatchingPrecedence", Field("flowcontrol.v1.FlowSchemaSpec", "matchingPrecedence"), |schema, _| {
        count(schema, &["spec", "matchingPrecedence"]).into()
    }),
    text("DistinguisherMethod", Field("flowcontrol.v1.FlowSchemaSpec", "distinguisherMethod"), |schema, _| {
        text_or(schema, &["spec", "distinguisherMethod", "type"], NONE)
    }),
    AGE,
    text("MissingPL", Text("references a broken or non-existent PriorityLevelConfiguration"), |schema, _| {
        let dangling =
            items(schema, &["status", "conditions"]).find(|condition| condition.text_at(&["type"]) == "Dangling");
        dangling.map_or("?", |condition| condition.text_at(&["status"])).into()
    }),
];

pub(super) const PRIORITY_LEVEL: &[Printed] = &[
    NAME,
    text("Type", Field("flowcontrol.v1.PriorityLevelConfigurationSpec", "type"), |level, _| {
        level.text_at(&["spec", "type"]).into()
    }),
    integer(
        "NominalConcurrencyShares",
        Field("flowcontrol.v1.LimitedPriorityLevelConfiguration", "nominalConcurrencyShares"),
        |level, _| limited(level, &["nominalConcurrencyShares"]),
    ),
    integer("Queues", Field("flowcontrol.v1.QueuingConfiguration", "queues"), |level, _| {
        limited(level, &["limitResponse", "queuing", "queues"])
    }),
    integer("HandSize", Field("flowcontrol.v1.QueuingConfiguration", "handSize"), |level, _| {
        limited(level, &["limitResponse", "queuing", "handSize"])
    }),
    integer("QueueLengthLimit", Field("flowcontrol.v1.QueuingConfiguration", "queueLengthLimit"), |level, _| {
        limited(level, &["limitResponse", "queuing", "queueLengthLimit"])
    }),
    AGE,
];

fn limited(level: &Value, path: &[&str]) -> Value {
    level.at(&["spec", "limited"]).and_then(|limited| limited.at(path)).cloned().unwrap_or_else(|| NONE.into())
}
