use serde_json::{Value, json};

use crate::controlplane::controllers::conditions;
use crate::controlplane::controllers::harness::World;
use crate::controlplane::controllers::kind::{JOB, POD};
use crate::controlplane::object::Object;

fn job(spec: Value) -> Value {
    let labels = json!({"job-name": "j"});
    let mut job = json!({
        "metadata": {"name": "j", "namespace": "default"},
        "spec": {
            "parallelism": 1, "completions": 1, "backoffLimit": 6,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    for (field, value) in spec.as_object().expect("the test gives an object") {
        job["spec"][field] = value.clone();
    }
    job
}

fn failing() -> Value {
    json!({
        "metadata": {"labels": {"job-name": "j"}, "annotations": {"rop.dev/stage": "fail"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
    })
}

#[track_caller]
fn check_condition(world: &World, condition_type: &str, reason: &str) {
    let job = world.get(JOB, "j");
    let condition = conditions::find(&job, condition_type).expect("the condition is there");
    assert_eq!([condition.text_at(&["status"]), condition.text_at(&["reason"])], ["True", reason]);
}

#[tokio::test(start_paused = true)]
async fn a_job_completes_when_its_pods_have() {
    let mut world = World::with_node();
    world.create(JOB, job(json!({"parallelism": 2, "completions": 5})));
    world.settle(30).await;
    check_condition(&world, "SuccessCriteriaMet", "CompletionsReached");
    check_condition(&world, "Complete", "CompletionsReached");
    let status = world.get(JOB, "j")["status"].clone();
    assert_eq!((&status["succeeded"], &status["uncountedTerminatedPods"]), (&json!(5), &json!({})));
    assert!(world.list(POD).iter().all(|pod| pod.finalizers().is_empty()));
    assert_eq!(world.list(POD).len(), 5);
    assert!(world.events().contains(&"Completed Job completed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_job_fails_beyond_its_back_off_limit() {
    let mut world = World::with_node();
    world.create(JOB, job(json!({"backoffLimit": 1, "template": failing()})));
    world.settle(8).await;
    assert_eq!(world.list(POD).len(), 1, "the second pod waits ten seconds");
    world.settle(60).await;
    check_condition(&world, "Failed", "BackoffLimitExceeded");
    assert_eq!(world.get(JOB, "j")["status"]["failed"], 2);
    assert_eq!(world.list(POD).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_indexed_job_runs_every_index() {
    let mut world = World::with_node();
    world.create(JOB, job(json!({"parallelism": 3, "completions": 4, "completionMode": "Indexed"})));
    world.settle(30).await;
    assert_eq!(world.get(JOB, "j")["status"]["completedIndexes"], "0-3");
    let pod = &world.list(POD)[0];
    assert!(pod.name().starts_with("j-0-"));
    assert_eq!(pod["spec"]["hostname"], "j-0");
    assert_eq!(pod["spec"]["containers"][0]["env"][0]["name"], "JOB_COMPLETION_INDEX");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_job_has_no_pods_until_it_is_resumed() {
    let mut world = World::with_node();
    world.create(JOB, job(json!({"suspend": true})));
    world.settle(5).await;
    check_condition(&world, "Suspended", "JobSuspended");
    assert_eq!(world.list(POD).len(), 0);
    assert_eq!(world.get(JOB, "j")["status"].get("startTime"), None);
    world.patch(JOB, "j", json!({"spec": {"suspend": false}}));
    world.settle(10).await;
    check_condition(&world, "Complete", "CompletionsReached");
}

#[tokio::test(start_paused = true)]
async fn a_job_past_its_deadline_fails() {
    let mut world = World::with_node();
    let mut template = failing();
    template["metadata"]["annotations"]["rop.dev/stage"] = "never-ready".into();
    world.create(JOB, job(json!({"activeDeadlineSeconds": 5, "template": template})));
    world.settle(20).await;
    check_condition(&world, "Failed", "DeadlineExceeded");
    assert_eq!(world.list(POD).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_finished_job_is_deleted_after_its_time_to_live() {
    let mut world = World::with_node();
    world.create(JOB, job(json!({"ttlSecondsAfterFinished": 60})));
    world.settle(30).await;
    assert_eq!(world.list(JOB).len(), 1);
    world.settle(60).await;
    assert_eq!((world.list(JOB).len(), world.list(POD).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_deleted_job_lose_their_finalizer() {
    let mut world = World::without_node();
    world.create(JOB, job(json!({})));
    world.settle(1).await;
    assert_eq!(world.list(POD)[0].finalizers(), ["batch.kubernetes.io/job-tracking"]);
    assert_eq!(world.get(JOB, "j")["status"]["active"], 1);
    world.delete(JOB, "j", "Background");
    world.settle(1).await;
    assert_eq!(world.list(POD).len(), 0);
}
