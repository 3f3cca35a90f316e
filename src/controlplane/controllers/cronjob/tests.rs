use serde_json::{Value, json};

use crate::controlplane::controllers::harness::World;
use crate::controlplane::controllers::kind::{CRON_JOB, JOB};
use crate::controlplane::object::Object;

fn tick(spec: Value) -> Value {
    let labels = json!({"app": "tick"});
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let job = json!({"parallelism": 1, "completions": 1, "selector": {"matchLabels": labels}, "template": template});
    let mut cron = json!({
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job}},
    });
    for (field, value) in spec.as_object().expect("the test gives an object") {
        cron["spec"][field] = value.clone();
    }
    cron
}

#[tokio::test(start_paused = true)]
async fn a_job_starts_every_minute_and_history_is_kept_short() {
    let mut world = World::with_node();
    world.create(CRON_JOB, tick(json!({})));
    world.settle(600).await;
    let jobs = world.list(JOB);
    assert!((3..=4).contains(&jobs.len()), "{} jobs", jobs.len());
    assert!(jobs[0].name().starts_with("tick-2833"));
    let status = world.get(CRON_JOB, "tick")["status"].clone();
    assert!(status.get("lastScheduleTime").is_some() && status.get("lastSuccessfulTime").is_some());
    let events = world.events();
    assert!(events.iter().any(|event| event.starts_with("SawCompletedJob Saw completed job: tick-")));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_still_runs_forbids_the_next_or_is_replaced() {
    let stuck = json!({"rop.dev/stage": "never-ready"});
    for (policy, expected) in [("Forbid", 1), ("Replace", 1), ("Allow", 3)] {
        let mut world = World::with_node();
        let mut cron = tick(json!({"concurrencyPolicy": policy}));
        cron.set(&["spec", "jobTemplate", "spec", "template", "metadata", "annotations"], stuck.clone());
        world.create(CRON_JOB, cron);
        world.settle(180).await;
        assert_eq!(world.list(JOB).len(), expected, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_cron_job_starts_nothing() {
    let mut world = World::with_node();
    world.create(CRON_JOB, tick(json!({"suspend": true})));
    world.settle(300).await;
    assert_eq!(world.list(JOB).len(), 0);
}
