//! Events for people: equal ones are counted in one object, and a noisy source is held back.
//!
//! Follows `k8s.io/client-go/tools/record/events_cache.go`: the same (source, object, type, reason, message) is one
//! event with a count; a source may write [`BURST`] events about one object, then one every five minutes; and a
//! kubelet drops events when there are too many of them.
//! It only decides what to write; failing to write an event is nobody's problem.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Write;
use crate::controlplane::env::Env;
use crate::controlplane::gvk::Gvr;
use crate::controlplane::object::Object;
use crate::controlplane::storage::ObjectKey;

/// How many events a source may write about one object at once.
const BURST: f64 = 25.0;

/// How many more it may write a second.
const REFILL_A_SECOND: f64 = 1.0 / 300.0;

/// What a kubelet may write about all pods: its flags `--event-burst` and `--event-qps`.
const KUBELET_BURST: f64 = 100.0;
const KUBELET_REFILL_A_SECOND: f64 = 50.0;

/// How many sources and events are remembered; upstream's `maxLruCacheEntries`.
const REMEMBERED: usize = 4096;

/// An event before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The object that it is about, as an `ObjectReference`.
    pub regarding: Value,
    /// `Normal` or `Warning`.
    pub event_type: &'static str,
    /// Why, in CamelCase.
    pub reason: &'static str,
    /// The text.
    pub message: String,
    /// The component that says so.
    pub component: &'static str,
}

impl Note {
    /// Returns a `Normal` event about an object.
    pub fn normal(component: &'static str, object: &Value, reason: &'static str, message: impl Into<String>) -> Self {
        Self { regarding: reference(object), event_type: "Normal", reason, message: message.into(), component }
    }

    /// Returns a `Warning` event about an object.
    pub fn warning(component: &'static str, object: &Value, reason: &'static str, message: impl Into<String>) -> Self {
        Self { event_type: "Warning", ..Self::normal(component, object, reason, message) }
    }

    /// Returns the same about a container of a pod.
    pub fn about_container(mut self, container: &str) -> Self {
        self.regarding.set(&["fieldPath"], format!("spec.containers{{{container}}}"));
        self
    }
}

/// Returns an `ObjectReference` to an object.
fn reference(object: &Value) -> Value {
    let mut reference = json!({"kind": object.get("kind")});
    for (field, text) in [("namespace", object.namespace()), ("name", object.name()), ("uid", object.uid())] {
        if !text.is_empty() {
            reference[field] = text.into();
        }
    }
    reference["apiVersion"] = object.get("apiVersion").cloned().unwrap_or_default();
    if object.resource_version() > 0 {
        reference["resourceVersion"] = object.text_at(&["metadata", "resourceVersion"]).into();
    }
    reference
}

/// Turns notes into writes.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    budgets: BTreeMap<(String, &'static str), Budget>,
    kubelet: Option<Budget>,
    written: BTreeMap<[String; 5], Written>,
}

#[derive(Debug)]
struct Budget {
    tokens: f64,
    at: Timestamp,
}

#[derive(Debug)]
struct Written {
    key: ObjectKey,
    count: u64,
}

impl Recorder {
    /// Returns the write of an event, or `None` when the source has said too much.
    pub(super) fn record(&mut self, env: &Env, note: &Note) -> Option<Write> {
        if !self.may_write(env.now(), note) {
            return None;
        }
        let gvr = Gvr::new("", "v1", "events");
        let identity = identity(note);
        if let Some(written) = self.written.get_mut(&identity) {
            written.count += 1;
            let patch = json!({"count": written.count, "lastTimestamp": env.now_text()});
            return Some(Write::Patch { gvr, key: written.key.clone(), patch, subresource: None });
        }
        let object = event(env, note);
        if self.written.len() >= REMEMBERED {
            self.written.clear();
        }
        let key = ObjectKey::new(object.namespace(), object.name());
        self.written.insert(identity, Written { key, count: 1 });
        Some(Write::Create { gvr, object, subresource: None })
    }

    /// Forgets an event that is not there any more, so that the next like it is a new one.
    pub(super) fn lost(&mut self, note: &Note) {
        self.written.remove(&identity(note));
    }

    fn may_write(&mut self, now: Timestamp, note: &Note) -> bool {
        if self.budgets.len() >= REMEMBERED {
            self.budgets.clear();
        }
        let source = (note.regarding.text_at(&["uid"]).to_owned(), note.component);
        let budget = self.budgets.entry(source).or_insert(Budget { tokens: BURST, at: now });
        if !budget.spend(now, REFILL_A_SECOND, BURST) {
            return false;
        }
        let kubelet = self.kubelet.get_or_insert(Budget { tokens: KUBELET_BURST, at: now });
        note.component != "kubelet" || kubelet.spend(now, KUBELET_REFILL_A_SECOND, KUBELET_BURST)
    }
}

impl Budget {
    /// Takes a token, if one has come back since.
    fn spend(&mut self, now: Timestamp, refill_a_second: f64, burst: f64) -> bool {
        let seconds = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + seconds * refill_a_second).min(burst);
        self.at = now;
        let may = self.tokens >= 1.0;
        self.tokens -= if may { 1.0 } else { 0.0 };
        may
    }
}

fn identity(note: &Note) -> [String; 5] {
    [
        note.component.to_owned(),
        format!("{}/{}", note.regarding.text_at(&["uid"]), note.regarding.text_at(&["fieldPath"])),
        note.event_type.to_owned(),
        note.reason.to_owned(),
        note.message.clone(),
    ]
}

/// Returns the event object. Its name is the object's name and 16 hexadecimal digits, as upstream's.
fn event(env: &Env, note: &Note) -> Value {
    let namespace = match note.regarding.text_at(&["namespace"]) {
        "" => "default",
        namespace => namespace,
    };
    let name = format!("{}.{:016x}", note.regarding.text_at(&["name"]), env.random());
    let now = env.now_text();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": note.regarding,
        "reason": note.reason,
        "message": note.message,
        "source": {"component": note.component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": note.event_type,
        "eventTime": null,
        "reportingComponent": note.component,
        "reportingInstance": "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(message: &str) -> Note {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "uid": "u"}});
        Note::normal("kubelet", &pod, "Created", message)
    }

    #[test]
    fn equal_events_are_counted_in_one_object() {
        let env = Env::deterministic(1, || Timestamp::UNIX_EPOCH);
        let mut recorder = Recorder::default();
        assert!(matches!(recorder.record(&env, &note("x")), Some(Write::Create { .. })));
        let Some(Write::Patch { patch, .. }) = recorder.record(&env, &note("x")) else { panic!("no patch") };
        assert_eq!(patch["count"], 2);
        recorder.lost(&note("x"));
        assert!(matches!(recorder.record(&env, &note("x")), Some(Write::Create { .. })));
    }

    #[test]
    fn a_kubelet_drops_events_when_there_are_too_many() {
        let env = Env::deterministic(1, || Timestamp::UNIX_EPOCH);
        let mut recorder = Recorder::default();
        let about = |name: String| {
            let mut note = note("x");
            note.regarding["uid"] = name.into();
            note
        };
        let written = (0..500).filter(|i| recorder.record(&env, &about(i.to_string())).is_some()).count();
        assert_eq!(written, 100);
    }

    #[test]
    fn a_noisy_source_is_held_back() {
        let env = Env::deterministic(1, || Timestamp::UNIX_EPOCH);
        let mut recorder = Recorder::default();
        let written = (0..40).filter(|i| recorder.record(&env, &note(&i.to_string())).is_some()).count();
        assert_eq!(written, 25);
    }
}
