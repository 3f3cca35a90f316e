//! Keeps a record in an outside DNS service for each Record, and removes it with its Record.
//!
//! What is outside the cluster is not garbage-collected, so there is a finalizer: it is added before the first write
//! outside, and removed when the last is done.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{Event, finalizer};
use kube::{Api, ResourceExt};

use crate::api::dns::v1alpha1::record::Record;
use crate::api::dns::v1alpha1::record::RecordStatus;
use crate::dns::{self, Dns, Entry};
use crate::runtime::conditions::{self, not_ready, ready};
use crate::runtime::context::Context;
use crate::runtime::controller;
use crate::runtime::error::Error;
use crate::runtime::rbac::{rule, status_rule};

/// What came of a write outside.
type Outcome = Result<(), dns::Error>;

/// Holds a Record until its DNS record is removed.
const FINALIZER: &str = "dns.example.com/record";

/// How often the outside is looked at. Nobody tells us when somebody changes a record there.
const RESYNC: Duration = Duration::from_secs(60);

/// Returns what this controller may do. `rop generate` writes config/rbac/role.yaml from it, and the unit tests enforce
/// it.
pub fn rules() -> Vec<PolicyRule> {
    vec![
        // Its own kind: to watch, to put the finalizer on, and to report.
        rule::<Record>(&["get", "list", "watch", "patch"]),
        status_rule::<Record>(&["patch"]),
    ]
}

/// Runs the controller until the operator shuts down.
pub async fn run(ctx: Arc<Context>) {
    let controller = controller::watching(ctx.api::<Record>());
    controller::run("record", controller, reconcile, ctx).await;
}

/// Brings the world closer to what one Record asks for. Called whenever it changes, and once a minute; may be called at
/// any time, any number of times.
async fn reconcile(object: Arc<Record>, ctx: Arc<Context>) -> Result<Action, Error> {
    let api: Api<Record> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let done = finalizer(&api, FINALIZER, object, |event| async {
        match event {
            Event::Apply(object) => publish(&object, &ctx).await,
            Event::Cleanup(object) => withdraw(&object, &ctx).await,
        }
    });
    Ok(done.await?)
}

async fn publish(object: &Record, ctx: &Context) -> Result<Action, Error> {
    let outcome = write_if_different(object, &ctx.dns).await;
    let reported = ctx.update_status(object, status(object, &outcome)).await;
    match outcome {
        Err(error) if error.is_transient() => Err(error.into()),
        // To try a refused record again at once is no use: it takes an edit, here or outside.
        Ok(()) | Err(_) => reported.map(|()| Action::requeue(RESYNC)),
    }
}

async fn write_if_different(object: &Record, dns: &Dns) -> Outcome {
    let (id, wanted) = (record_id(object), entry(object));
    if dns.get(&id).await?.as_ref() != Some(&wanted) {
        dns.put(&id, &wanted).await?;
    }
    Ok(())
}

/// Removes the record. An error of any kind keeps the finalizer: better a Record that will not go, and says why, than a
/// DNS record that nobody knows of.
async fn withdraw(object: &Record, ctx: &Context) -> Result<Action, Error> {
    let outcome = ctx.dns.delete(&record_id(object)).await;
    if let Err(error) = outcome {
        let refused = Err(error);
        let reported = ctx.update_status(object, status(object, &refused)).await;
        refused?;
        reported?;
    }
    Ok(Action::await_change())
}

/// Returns the DNS record that should be there.
fn entry(object: &Record) -> Entry {
    let spec = object.spec.clone();
    Entry {
        name: spec.name,
        type_: spec.type_,
        values: spec.values.into_iter().collect(),
        ttl_seconds: spec.ttl_seconds,
    }
}

/// Returns the id of the DNS record: that of the object, which every stored object has, and no other ever will.
fn record_id(object: &Record) -> String {
    object.uid().unwrap_or_default()
}

/// Returns the status that is true after a write outside was done, or could not be.
fn status(object: &Record, outcome: &Outcome) -> RecordStatus {
    let mut status = object.status.clone().unwrap_or_default();
    let condition = match outcome {
        Ok(()) => {
            status.record_id = record_id(object);
            ready("Published", "The DNS service keeps the record")
        }
        Err(error) => not_ready(error.reason(), error.to_string()),
    };
    status.observed_generation = object.metadata.generation;
    conditions::set(&mut status.conditions, condition, object.metadata.generation);
    status
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::dns::v1alpha1::record::{RecordSpec, RecordType};
    use crate::dns::fake::{FakeDns, Mood};
    use crate::runtime::testing::FakeCluster;

    /// An empty cluster, a DNS service without records, and a user who creates `www`.
    async fn world() -> (FakeCluster, FakeDns) {
        let service = FakeDns::start().await.expect("a port is free");
        let dns = Dns::new(&service.url(), None).expect("a URL");
        let cluster = FakeCluster::new(rules(), dns);
        let spec = RecordSpec {
            name: "www.example.com".to_owned(),
            type_: RecordType::A,
            values: vec!["192.0.2.2".to_owned(), "192.0.2.1".to_owned()],
            ttl_seconds: 300,
        };
        cluster.create(&Record { metadata: in_default_namespace(), spec, status: None });
        (cluster, service)
    }

    fn in_default_namespace() -> kube::core::ObjectMeta {
        kube::core::ObjectMeta {
            name: Some("www".to_owned()),
            namespace: Some("default".to_owned()),
            ..Default::default()
        }
    }

    fn ready_condition(cluster: &FakeCluster) -> (String, String) {
        let status = cluster.get::<Record>("www").status.unwrap_or_default();
        let condition = status.conditions.iter().find(|c| c.type_ == "Ready");
        condition.map(|c| (c.status.clone(), c.reason.clone())).unwrap_or_default()
    }

    #[track_caller]
    fn assert_ready(cluster: &FakeCluster, status: &str, reason: &str) {
        assert_eq!(ready_condition(cluster), (status.to_owned(), reason.to_owned()));
    }

    #[tokio::test]
    async fn a_record_is_published_and_then_left_alone() {
        let (cluster, service) = world().await;
        cluster.settle(reconcile).await;
        assert_eq!(service.take_writes(), ["PUT www.example.com"]);
        assert_eq!(service.entries(), [entry(&cluster.get("www"))]);
        assert_ready(&cluster, "True", "Published");
        assert_eq!(cluster.take_writes(), ["patch records/www", "patch records/www/status", "create events"]);
        let record: Record = cluster.get("www");
        assert_eq!(record.status.as_ref().map(|status| &status.record_id), record.metadata.uid.as_ref());

        cluster.settle(reconcile).await;
        assert_eq!((service.take_writes(), cluster.take_writes()), (vec![], vec![]));
    }

    #[tokio::test]
    async fn the_finalizer_is_there_before_the_first_write_outside() {
        let (cluster, service) = world().await;
        cluster.fail_next("patch records/www", 503);
        cluster.reconcile_once(reconcile).await.expect_err("the finalizer could not be added");
        assert_eq!(service.take_writes(), [""; 0]);

        cluster.reconcile_once(reconcile).await.expect("the finalizer is added");
        assert_eq!(cluster.get::<Record>("www").finalizers(), [FINALIZER]);
        assert_eq!(service.take_writes(), [""; 0]);
    }

    #[tokio::test]
    async fn drift_outside_is_put_right() {
        let (cluster, service) = world().await;
        cluster.settle(reconcile).await;
        service.meddle(|entries| entries.values_mut().for_each(|entry| entry.ttl_seconds = 30));
        cluster.settle(reconcile).await;
        assert_eq!(service.entries(), [entry(&cluster.get("www"))]);
        service.meddle(|entries| entries.clear());
        cluster.settle(reconcile).await;
        assert_eq!(service.entries(), [entry(&cluster.get("www"))]);
    }

    #[tokio::test]
    async fn an_edit_replaces_the_record() {
        let (cluster, service) = world().await;
        cluster.settle(reconcile).await;
        cluster.merge::<Record>("www", json!({"spec": {"name": "web.example.com"}}));
        cluster.settle(reconcile).await;
        let names: Vec<_> = service.entries().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["web.example.com"], "the old name is gone");
    }

    #[tokio::test]
    async fn deletion_removes_the_record_outside_first_and_the_finalizer_last() {
        let (cluster, service) = world().await;
        cluster.settle(reconcile).await;
        cluster.take_writes();
        cluster.delete::<Record>("www");

        service.set_mood(Mood::Answer(503));
        for _ in 0..3 {
            cluster.reconcile_once(reconcile).await.expect_err("the record cannot be removed");
        }
        assert_eq!(cluster.get::<Record>("www").finalizers(), [FINALIZER], "it stays until the outside is clean");
        assert_ready(&cluster, "False", "ServiceUnavailable");
        let report = ["patch records/www/status", "create events"];
        assert_eq!(cluster.take_writes(), report, "the same failure is reported once");

        service.set_mood(Mood::Fine);
        cluster.fail_next("patch records/www", 503);
        cluster.reconcile_once(reconcile).await.expect_err("the finalizer could not be removed");
        assert_eq!(service.entries(), []);
        cluster.settle(reconcile).await;
        assert!(cluster.find::<Record>("www").is_none(), "and to remove what is gone already is no failure");
    }

    #[tokio::test]
    async fn a_record_that_was_never_published_can_be_deleted() {
        let (cluster, service) = world().await;
        service.set_mood(Mood::Answer(500));
        cluster.reconcile_once(reconcile).await.expect("the finalizer is added");
        cluster.reconcile_once(reconcile).await.expect_err("the service has a problem");
        service.set_mood(Mood::Fine);
        cluster.delete::<Record>("www");
        cluster.settle(reconcile).await;
        assert!(cluster.find::<Record>("www").is_none());
    }

    #[tokio::test]
    async fn a_service_in_trouble_is_tried_again() {
        let (cluster, service) = world().await;
        cluster.reconcile_once(reconcile).await.expect("the finalizer is added");
        for code in [500, 503, 429, 401] {
            service.set_mood(Mood::Answer(code));
            cluster.reconcile_once(reconcile).await.expect_err("an error, so that the controller backs off");
        }
        assert_ready(&cluster, "False", "Unauthorized");
        service.set_mood(Mood::Fine);
        cluster.settle(reconcile).await;
        assert_ready(&cluster, "True", "Published");
    }

    #[tokio::test]
    async fn a_refused_record_waits_for_an_edit() {
        let (cluster, service) = world().await;
        cluster.merge::<Record>("www", json!({"spec": {"values": ["not an address"]}}));
        cluster.settle(reconcile).await;
        assert_ready(&cluster, "False", "Refused");
        cluster.merge::<Record>("www", json!({"spec": {"values": ["192.0.2.3"]}}));
        cluster.settle(reconcile).await;
        assert_ready(&cluster, "True", "Published");
        assert_eq!(service.entries(), [entry(&cluster.get("www"))]);
    }

    #[tokio::test]
    async fn the_record_of_somebody_else_is_left_alone() {
        let (cluster, service) = world().await;
        let mut foreign = entry(&cluster.get("www"));
        foreign.values = ["198.51.100.1".to_owned()].into();
        service.meddle(|entries| {
            entries.insert("somebody-else".to_owned(), foreign.clone());
        });
        cluster.settle(reconcile).await;
        assert_ready(&cluster, "False", "Refused");
        cluster.delete::<Record>("www");
        cluster.settle(reconcile).await;
        assert!(cluster.find::<Record>("www").is_none());
        assert_eq!(service.entries(), [foreign]);
    }
}
