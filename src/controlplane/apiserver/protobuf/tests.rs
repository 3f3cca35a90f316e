//! Bodies as kubectl and Go clients send them, and bodies that nobody sends.

use serde_json::{Value, json};

use super::table::Table;
use super::{PREFIX, ProtobufError};
use crate::controlplane::gvk::Gvk;

fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    super::decode(body, &Gvk::new("", "v1", "ConfigMap"))
}

/// Encodes a length-delimited field.
fn bytes(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = if tag < 16 { vec![tag << 3 | 2] } else { vec![(tag << 3 | 2) | 0x80, tag >> 4] };
    let mut len = content.len();
    while len >= 0x80 {
        encoded.push(u8::try_from(len & 0x7f).expect("seven bits") | 0x80);
        len >>= 7;
    }
    encoded.push(u8::try_from(len).expect("seven bits"));
    encoded.extend(content);
    encoded
}

fn text(tag: u8, content: &str) -> Vec<u8> {
    bytes(tag, content.as_bytes())
}

/// Encodes a number below 128.
fn number(tag: u8, value: u8) -> Vec<u8> {
    vec![tag << 3, value]
}

fn message(tag: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(tag, &fields.concat())
}

fn body(api_version: &str, kind: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let type_meta = message(1, &[text(1, api_version), text(2, kind)]);
    [PREFIX.to_vec(), type_meta, message(2, fields), text(3, ""), text(4, "")].concat()
}

#[track_caller]
fn check(body: &[u8], expected: Value) {
    assert_eq!(decode(body), Ok(expected));
}

/// Metadata as Go writes it: every field that is no pointer, set or not.
fn metadata(name: &str) -> Vec<u8> {
    message(
        1,
        &[text(1, name), text(2, ""), text(3, "ns"), text(4, ""), text(5, ""), text(6, ""), number(7, 0), text(8, "")],
    )
}

#[test]
fn what_go_sends_unset_is_absent() {
    let entry = message(2, &[text(1, "k"), text(2, "v")]);
    check(
        &body("v1", "ConfigMap", &[metadata("a"), entry]),
        json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "ns"}, "data": {"k": "v"}}),
    );
}

#[test]
fn bytes_become_base64_and_empty_items_stay() {
    let secret = body("v1", "Secret", &[message(2, &[text(1, "p"), text(2, "q")]), message(2, &[text(1, "empty")])]);
    check(&secret, json!({"kind": "Secret", "apiVersion": "v1", "data": {"p": "cQ==", "empty": ""}}));
    let rule = message(2, &[text(1, "get"), text(2, ""), text(3, "pods")]);
    check(
        &body("rbac.authorization.k8s.io/v1", "Role", &[rule]),
        json!({
            "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
            "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
        }),
    );
}

#[test]
fn embedded_messages_are_part_of_their_holder() {
    let volume = message(1, &[text(1, "v"), message(2, &[message(6, &[text(1, "s")])])]);
    let probe = message(
        10,
        &[
            message(1, &[message(2, &[text(1, "/"), message(2, &[number(1, 0), number(2, 80), text(3, "")])])]),
            number(2, 0),
        ],
    );
    let container = message(2, &[text(1, "c"), probe]);
    check(
        &body("v1", "Pod", &[message(2, &[volume, container])]),
        json!({"kind": "Pod", "apiVersion": "v1", "spec": {
            "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
            "containers": [{"name": "c", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}],
        }}),
    );
}

#[test]
fn zero_is_kept_where_it_means_something() {
    let spec = message(2, &[number(1, 0), number(5, 0), number(7, 0)]);
    check(
        &body("apps/v1", "Deployment", &[spec]),
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 0}}),
    );
    check(
        &body("v1", "DeleteOptions", &[number(1, 0), text(4, "Background")]),
        json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "propagationPolicy": "Background"}),
    );
}

#[test]
fn quantities_times_and_raw_json_have_their_json_form() {
    let limits = message(1, &[text(1, "cpu"), message(2, &[text(1, "500m")])]);
    let container = message(2, &[text(1, "c"), message(8, &[limits])]);
    let pod = body("v1", "Pod", &[message(1, &[message(9, &[number(1, 1)])]), message(2, &[container])]);
    check(
        &pod,
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"deletionTimestamp": "1970-01-01T00:00:01Z"},
               "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "500m"}}}]}}),
    );
    let revision = body("apps/v1", "ControllerRevision", &[message(2, &[text(1, "{\"a\":1}")]), number(3, 0)]);
    check(&revision, json!({"kind": "ControllerRevision", "apiVersion": "apps/v1", "data": {"a": 1}, "revision": 0}));
}

#[test]
fn what_is_not_such_a_body_is_refused() {
    assert_eq!(decode(b"{}"), Err(ProtobufError::Prefix));
    assert_eq!(decode(b""), Err(ProtobufError::Prefix));
    let unknown = ProtobufError::UnknownKind(Gvk::new("x", "v1", "Y"));
    assert_eq!(decode(&body("x/v1", "Y", &[])), Err(unknown));
    check(&body("", "", &[]), json!({"kind": "ConfigMap", "apiVersion": "v1"}));
    assert_eq!(decode(&body("v1", "Pod", &[vec![0x0a, 0x7f]])), Err(ProtobufError::Truncated));
    assert_eq!(decode(&body("v1", "Pod", &[vec![0x0b]])), Err(ProtobufError::Malformed("illegal wireType")));
}

#[test]
fn a_schema_that_is_nested_without_end_is_refused() {
    // `not` is tag 28.
    let nested = |depth: usize| {
        let schema = (0..depth).fold(text(5, "object"), |schema, _| bytes(28, &schema));
        let version = message(7, &[text(1, "v1"), message(4, &[message(1, &[schema])])]);
        decode(&body("apiextensions.k8s.io/v1", "CustomResourceDefinition", &[message(2, &[version])]))
    };
    let shallow = nested(2).expect("two are fine");
    let schema = &shallow["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    assert_eq!(schema, &json!({"not": {"not": {"type": "object"}}}));
    assert_eq!(nested(2_000), Err(ProtobufError::Malformed("message is nested too deeply")));
}

/// A seeded generator (SplitMix64), so that a failure comes back.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    /// Returns fields that are mostly well formed, so that the walk gets deep.
    fn fields(&mut self, depth: usize) -> Vec<u8> {
        let mut encoded = Vec::new();
        for _ in 0..self.below(6) {
            let tag = u8::try_from(1 + self.below(15)).expect("below 16");
            match self.below(if depth == 0 { 3 } else { 8 }) {
                0 => encoded.extend(number(tag, u8::try_from(self.below(128)).expect("seven bits"))),
                1 => encoded.extend([tag << 3 | 1].into_iter().chain(self.next().to_le_bytes())),
                2 => encoded.extend(self.next().to_le_bytes()),
                _ => {
                    let inner = self.fields(depth - 1);
                    encoded.extend(bytes(tag, &inner));
                }
            }
        }
        encoded
    }
}

#[test]
fn no_input_panics() {
    let kinds = Table::get().kinds();
    let mut random = Random(20_260_701);
    for round in 0..20_000 {
        let (api_version, kind) = kinds[random.below(kinds.len())];
        let mut input = body(api_version, kind, &[random.fields(7)]);
        if round % 3 == 0 {
            let place = random.below(input.len());
            input[place] = u8::try_from(random.below(256)).expect("eight bits");
        }
        if round % 5 == 0 {
            input.truncate(random.below(input.len()));
        }
        // Whatever comes out, it came out.
        drop(decode(&input));
    }
}

#[test]
fn every_kind_can_be_empty() {
    for (api_version, kind) in Table::get().kinds() {
        check(&body(api_version, kind, &[]), json!({"kind": kind, "apiVersion": api_version}));
    }
}
