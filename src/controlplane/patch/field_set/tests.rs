use std::collections::BTreeSet;

use super::*;
use crate::controlplane::patch::fields_v1;
use serde_json::json;

/// A small pseudo-random source, so that the sets below are many and always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn element(&mut self) -> PathElement {
        let number = self.below(3);
        match self.below(5) {
            0 => PathElement::Index(number.cast_signed()),
            1 => PathElement::Value(json!(format!("v{number}"))),
            2 => PathElement::key(vec![("name".into(), json!(number)), ("a".into(), json!("x"))]),
            _ => PathElement::field(&format!("f{number}")),
        }
    }

    fn paths(&mut self) -> BTreeSet<Vec<PathElement>> {
        (0..self.below(12)).map(|_| (0..=self.below(3)).map(|_| self.element()).collect()).collect()
    }
}

fn set(paths: &BTreeSet<Vec<PathElement>>) -> FieldSet {
    let mut set = FieldSet::default();
    paths.iter().for_each(|path| set.insert(path));
    set
}

#[test]
fn set_algebra_agrees_with_that_of_plain_sets_of_paths() {
    let mut random = Random(42);
    for _ in 0..2000 {
        let (a, b) = (random.paths(), random.paths());
        let (left, right) = (set(&a), set(&b));
        assert_eq!(left.union(&right), set(&a.union(&b).cloned().collect()));
        assert_eq!(left.intersection(&right), set(&a.intersection(&b).cloned().collect()));
        assert_eq!(left.difference(&right), set(&a.difference(&b).cloned().collect()));
        let below = |path: &&Vec<PathElement>| !(1..=path.len()).any(|len| b.contains(&path[..len]));
        assert_eq!(left.recursive_difference(&right), set(&a.iter().filter(below).cloned().collect()));
        assert!(a.iter().all(|path| left.has(path)));
        assert_eq!(left.paths().len(), a.len());
    }
}

#[test]
fn every_set_survives_its_written_form() {
    let mut random = Random(7);
    for _ in 0..2000 {
        let set = set(&random.paths());
        assert_eq!(fields_v1::decode(&fields_v1::encode(&set)), Ok(set));
    }
}

#[test]
fn paths_print_as_upstreams() {
    let mut set = FieldSet::of(&[&["spec", "s"]]);
    set.insert(&[
        PathElement::field("arr"),
        PathElement::key(vec![("p".into(), json!("TCP")), ("n".into(), json!(80))]),
        PathElement::field("v"),
    ]);
    set.insert(&[PathElement::field("set"), PathElement::Value(json!("a"))]);
    assert_eq!(set.paths(), [".arr[n=80,p=\"TCP\"].v", ".set[=\"a\"]", ".spec.s"]);
}

#[test]
fn numbers_are_compared_by_size_and_maps_without_order() {
    assert!(same(&json!({"a": 1, "b": [1.0]}), &json!({"b": [1], "a": 1.0})));
    assert!(!same(&json!({"a": null}), &json!({})));
    assert!(compare_values(&json!(2), &json!(10)).is_lt());
    assert!(compare_values(&json!("2"), &json!(10)).is_gt());
}
