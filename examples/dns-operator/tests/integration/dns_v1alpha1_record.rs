//! Record on a real Kubernetes API, with a DNS service in this process.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use dns_operator::api::dns::v1alpha1::record::Record;
use dns_operator::dns::Dns;
use dns_operator::dns::fake::{FakeDns, Mood};
use dns_operator::runtime::conditions::Conditions;

use crate::support::{Operator, eventually, gone};

fn record(spec: serde_json::Value) -> anyhow::Result<Record> {
    Ok(Record::new("www", serde_json::from_value(spec)?))
}

/// Whether the status speaks of the spec as it is, and gives this reason.
fn reports(reason: &str) -> impl Fn(Option<&Record>) -> bool {
    move |object| {
        let Some(status) = object.and_then(|object| object.status.as_ref()) else { return false };
        let current = status.observed_generation == object.and_then(|object| object.metadata.generation);
        current && status.ready().is_some_and(|condition| condition.reason == reason)
    }
}

#[tokio::test]
#[ignore = "needs a Kubernetes API: `rop test`"]
async fn records_are_published_changed_and_withdrawn() -> anyhow::Result<()> {
    let service = FakeDns::start().await?;
    let operator = Operator::start(Dns::new(&service.url(), None)?).await?;
    let records: Api<Record> = operator.api();

    let spec = json!({"name": "www.example.com", "type": "A", "values": ["192.0.2.1"]});
    records.create(&PostParams::default(), &record(spec)?).await?;
    eventually(&records, "www", reports("Published")).await?;
    assert_eq!(service.entries()[0].ttl_seconds, 300, "the default of the schema");

    let patch = Patch::Merge(json!({"spec": {"values": ["192.0.2.2"]}}));
    records.patch("www", &PatchParams::default(), &patch).await?;
    eventually(&records, "www", reports("Published")).await?;
    assert_eq!(service.entries()[0].values, ["192.0.2.2".to_owned()].into());

    service.set_mood(Mood::Answer(503));
    records.delete("www", &DeleteParams::default()).await?;
    let held = eventually(&records, "www", reports("ServiceUnavailable")).await?;
    assert!(held.metadata.deletion_timestamp.is_some() && !held.finalizers().is_empty());

    service.set_mood(Mood::Fine);
    gone(&records, &held).await?;
    assert_eq!(service.entries(), []);
    operator.stop().await
}

#[tokio::test]
#[ignore = "needs a Kubernetes API: `rop test`"]
async fn what_makes_no_sense_is_refused() -> anyhow::Result<()> {
    let service = FakeDns::start().await?;
    let operator = Operator::start(Dns::new(&service.url(), None)?).await?;
    let records: Api<Record> = operator.api();
    let good = json!({"name": "www.example.com", "type": "CNAME", "values": ["a.example.com"], "ttlSeconds": 300});
    for (change, words) in [
        (json!({"name": "no name"}), "spec.name"),
        (json!({"values": []}), "spec.values"),
        (json!({"values": ["a.example.com", "b.example.com"]}), "a CNAME has exactly one value"),
        (json!({"ttlSeconds": 1}), "spec.ttlSeconds"),
    ] {
        let mut spec = good.clone();
        for (key, value) in change.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let refusal = match records.create(&PostParams::default(), &record(spec)?).await {
            Err(kube::Error::Api(status)) => status,
            other => anyhow::bail!("{change} should be refused: {other:?}"),
        };
        assert!(refusal.code == 422 && refusal.message.contains(words), "{change}: {refusal:?}");
    }
    operator.stop().await
}
