//! Lists and sets.
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/lists.go`, and `github.com/google/cel-go/ext/{lists,sets}.go`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::interpreter::Outcome;
use super::super::value::{Failure, Value};
use super::{index, int, no_such, operators};

pub(super) fn method<'a>(name: &str, target: &Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let Some(mut items) = target.items() else { return no_such() };
    let list = |items: Vec<Value<'a>>| Ok(Value::List(Arc::new(items)));
    match (name, args) {
        ("isSorted", []) => {
            let sorted = items.windows(2).all(|pair| pair[0].compare(&pair[1]).is_none_or(Ordering::is_le));
            Ok(Value::Bool(sorted))
        }
        ("sum", []) => sum(&items),
        ("min", []) => extreme(items, "min", Ordering::is_lt),
        ("max", []) => extreme(items, "max", Ordering::is_gt),
        ("indexOf", [item]) => Ok(items.iter().position(|other| other.equals(item)).map_or(Value::Int(-1), int)),
        ("lastIndexOf", [item]) => Ok(items.iter().rposition(|other| other.equals(item)).map_or(Value::Int(-1), int)),
        ("join", _) => join(&items, args.first().and_then(Value::as_str).unwrap_or_default()),
        ("slice", [Value::Int(start), Value::Int(end)]) => {
            let (start, end) = (index(*start, items.len())?, index(*end, items.len())?);
            if start > end {
                return Err(format!(
                    "cannot slice({start}, {end}), start index must be less than or equal to end index"
                ));
            }
            list(items.drain(start..end).collect())
        }
        ("flatten", []) => list(flatten(items, 1)),
        ("flatten", [Value::Int(depth)]) => list(flatten(items, *depth)),
        ("sort", []) => sort_by_key(items.into_iter().map(|item| (item.clone(), item)).collect()),
        ("distinct", []) => {
            let mut kept: Vec<Value<'a>> = Vec::new();
            for item in items {
                if !kept.iter().any(|other| other.equals(&item)) {
                    kept.push(item);
                }
            }
            list(kept)
        }
        ("reverse", []) => {
            items.reverse();
            list(items)
        }
        _ => no_such(),
    }
}

/// Returns the numbers from 0 up to `end`.
pub(super) fn range<'a>(end: i64) -> Outcome<'a> {
    const MAX: i64 = 1_000_000;
    if end > MAX {
        return Err(format!("lists.range: {end} is more than {MAX}"));
    }
    Ok(Value::List(Arc::new((0..end).map(Value::Int).collect())))
}

/// `sets.contains`, `sets.equivalent`, `sets.intersects`.
pub(super) fn sets<'a>(name: &str, left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
    let (Some(left), Some(right)) = (left.items(), right.items()) else { return no_such() };
    let has = |items: &[Value<'a>], item: &Value<'a>| items.iter().any(|other| other.equals(item));
    let contains = |all: &[Value<'a>], some: &[Value<'a>]| some.iter().all(|item| has(all, item));
    Ok(Value::Bool(match name {
        "contains" => contains(&left, &right),
        "equivalent" => contains(&left, &right) && contains(&right, &left),
        "intersects" => left.iter().any(|item| has(&right, item)),
        _ => return no_such(),
    }))
}

/// Returns the items in the order of their keys.
pub(in super::super) fn sort_by_key<'a>(mut keyed: Vec<(Value<'a>, Value<'a>)>) -> Outcome<'a> {
    let first = keyed.first().map(|(key, _)| key.clone());
    if keyed.iter().any(|(key, _)| first.as_ref().is_some_and(|first| key.compare(first).is_none())) {
        return Err("list elements must have the same comparable type".to_owned());
    }
    keyed.sort_by(|(left, _), (right, _)| left.compare(right).unwrap_or(Ordering::Equal));
    Ok(Value::List(Arc::new(keyed.into_iter().map(|(_, item)| item).collect())))
}

fn sum<'a>(items: &[Value<'a>]) -> Outcome<'a> {
    let Some((first, rest)) = items.split_first() else { return Ok(Value::Int(0)) };
    rest.iter()
        .try_fold(first.clone(), |sum, item| operators::call("_+_", &[sum, item.clone()]).unwrap_or_else(no_such))
}

fn extreme<'a>(items: Vec<Value<'a>>, name: &str, wins: fn(Ordering) -> bool) -> Outcome<'a> {
    let better = |best: Value<'a>, item: Value<'a>| match item.compare(&best) {
        Some(ordering) if wins(ordering) => item,
        _ => best,
    };
    items.into_iter().reduce(better).ok_or_else(|| format!("{name} called on empty list"))
}

fn join<'a>(items: &[Value<'a>], separator: &str) -> Outcome<'a> {
    let texts: Result<Vec<&str>, Failure> =
        items.iter().map(|item| item.as_str().ok_or_else(|| "no such overload".to_owned())).collect();
    Ok(Value::text(texts?.join(separator)))
}

fn flatten(items: Vec<Value<'_>>, depth: i64) -> Vec<Value<'_>> {
    let mut flat = Vec::new();
    for item in items {
        match item.items().filter(|_| depth > 0) {
            Some(inner) => flat.extend(flatten(inner, depth - 1)),
            None => flat.push(item),
        }
    }
    flat
}
