//! Sets of fields: which paths of an object somebody owns, or which of them differ.
//!
//! A set is a tree: each node is a path element that may be a member itself and may have children. Everything is kept
//! sorted, so that set algebra is a walk over two lists side by side. A parent that is a member does not imply its
//! children: owning a map and owning its entries are different things.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/fieldpath`.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone)]
pub(crate) enum PathElement {
    /// A field of an object, or an entry of a map.
    Field(Box<str>),
    /// An item of a list of objects, by its keys; sorted by name.
    Key(Box<[(Box<str>, Value)]>),
    /// An item of a set, by its value.
    Value(Value),
    /// An item of a list, by its place.
    Index(i64),
}

impl PathElement {
    /// Returns the step to a field.
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// Returns the step to an item with these keys.
    pub(crate) fn key(mut keys: Vec<(Box<str>, Value)>) -> Self {
        keys.sort_by(|(left, _), (right, _)| left.cmp(right));
        Self::Key(keys.into())
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(left), Self::Field(right)) => left.cmp(right),
            (Self::Key(left), Self::Key(right)) => compare_keys(left, right),
            (Self::Value(left), Self::Value(right)) => compare_values(left, right),
            (Self::Index(left), Self::Index(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

impl fmt::Display for PathElement {
    /// Prints as upstream's messages do: `.name`, `[key="a"]`, `[="a"]`, `[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (place, (name, value)) in keys.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{name}={}", show(value))?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={}]", show(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn compare_keys(left: &[(Box<str>, Value)], right: &[(Box<str>, Value)]) -> Ordering {
    for ((left_name, left_value), (right_name, right_value)) in left.iter().zip(right) {
        let order = left_name.cmp(right_name).then_with(|| compare_values(left_value, right_value));
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

/// Orders JSON values: numbers by size, whatever their form, then texts, booleans, lists, maps and null.
pub(crate) fn compare_values(left: &Value, right: &Value) -> Ordering {
    fn rank(value: &Value) -> u8 {
        match value {
            Value::Number(_) => 0,
            Value::String(_) => 1,
            Value::Bool(_) => 2,
            Value::Array(_) => 3,
            Value::Object(_) => 4,
            Value::Null => 5,
        }
    }
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.as_f64().unwrap_or_default().total_cmp(&right.as_f64().unwrap_or_default()),
        },
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => {
            let mut orders = left.iter().zip(right).map(|(left, right)| compare_values(left, right));
            orders.find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        (Value::Object(left), Value::Object(right)) => {
            let sorted = |map: &serde_json::Map<String, Value>| {
                let mut entries: Vec<(Box<str>, Value)> =
                    map.iter().map(|(name, value)| (name.as_str().into(), value.clone())).collect();
                entries.sort_by(|(left, _), (right, _)| left.cmp(right));
                entries
            };
            compare_keys(&sorted(left), &sorted(right))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Returns whether two values are the same for owners: numbers by size, maps without regard to order.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => left == right || compare_values(left, right).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// A set of paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FieldSet {
    nodes: Vec<Node>,
}

/// One path element of a set, with what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// The step that leads here.
    pub(crate) element: PathElement,
    /// Whether the path up to here is in the set.
    pub(crate) member: bool,
    /// The paths below, relative to here.
    pub(crate) children: FieldSet,
}

impl Node {
    /// Returns a node that is in the set and has nothing below.
    pub(crate) fn leaf(element: PathElement) -> Self {
        Self { element, member: true, children: FieldSet::default() }
    }

    fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl FieldSet {
    /// Returns the set of these paths of field names.
    pub(crate) fn of(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(&path.iter().map(|name| PathElement::field(name)).collect::<Vec<_>>());
        }
        set
    }

    /// Returns the set made of these nodes, which may come in any order but only once each.
    pub(crate) fn from_nodes(mut nodes: Vec<Node>) -> Self {
        nodes.retain(|node| !node.is_empty());
        if !nodes.is_sorted_by(|left, right| left.element < right.element) {
            nodes.sort_by(|left, right| left.element.cmp(&right.element));
        }
        Self { nodes }
    }

    /// Returns the nodes, sorted.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns whether no path is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns the node of a path element.
    pub(crate) fn get(&self, element: &PathElement) -> Option<&Node> {
        let place = self.nodes.binary_search_by(|node| node.element.cmp(element)).ok()?;
        self.nodes.get(place)
    }

    /// Returns whether a path is in the set.
    pub(crate) fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.get(last).is_some_and(|node| node.member),
            [first, rest @ ..] => self.get(first).is_some_and(|node| node.children.has(rest)),
        }
    }

    /// Puts a path into the set. The empty path is the object itself, which nobody owns.
    pub(crate) fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else { return };
        let place = match self.nodes.binary_search_by(|node| node.element.cmp(first)) {
            Ok(place) => place,
            Err(place) => {
                let node = Node { element: first.clone(), member: false, children: Self::default() };
                self.nodes.insert(place, node);
                place
            }
        };
        match rest {
            [] => self.nodes[place].member = true,
            rest => self.nodes[place].children.insert(rest),
        }
    }

    /// Returns what is in either set.
    pub(crate) fn union(&self, other: &Self) -> Self {
        self.zip(other, &|left, right| match (left, right) {
            (Some(left), Some(right)) => Node {
                element: left.element.clone(),
                member: left.member || right.member,
                children: left.children.union(&right.children),
            },
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => unreachable!("a walk over two lists always has one of them"),
        })
    }

    /// Returns what is in both sets.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let both = self.nodes.iter().filter_map(|left| {
            let right = other.get(&left.element)?;
            Some(Node {
                element: left.element.clone(),
                member: left.member && right.member,
                children: left.children.intersection(&right.children),
            })
        });
        Self { nodes: both.filter(|node| !node.is_empty()).collect() }
    }

    /// Returns what is in this set and not in the other. What is below a path of the other stays.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        self.without(other, false)
    }

    /// Returns what is in this set and neither in the other nor below one of its paths.
    pub(crate) fn recursive_difference(&self, other: &Self) -> Self {
        self.without(other, true)
    }

    fn without(&self, other: &Self, recursive: bool) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let rest = self.nodes.iter().filter_map(|left| match other.get(&left.element) {
            None => Some(left.clone()),
            Some(right) if recursive && right.member => None,
            Some(right) => Some(Node {
                element: left.element.clone(),
                member: left.member && !right.member,
                children: left.children.without(&right.children, recursive),
            }),
        });
        Self { nodes: rest.filter(|node| !node.is_empty()).collect() }
    }

    fn zip(&self, other: &Self, join: &dyn Fn(Option<&Node>, Option<&Node>) -> Node) -> Self {
        let mut nodes = Vec::with_capacity(self.nodes.len().max(other.nodes.len()));
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return Self { nodes },
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(left), Some(right)) => left.element.cmp(&right.element),
            };
            nodes.push(match order {
                Ordering::Less => join(left.next(), None),
                Ordering::Greater => join(None, right.next()),
                Ordering::Equal => join(left.next(), right.next()),
            });
        }
    }

    /// Returns all paths as text, sorted, as upstream's messages print them.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        for node in &self.nodes {
            let path = format!("{prefix}{}", node.element);
            node.children.collect_paths(&path, paths);
            if node.member {
                paths.push(path);
            }
        }
    }
}

#[cfg(test)]
mod tests;
