//! JSON paths as Kubernetes writes them: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`.
//!
//! Printer columns, selectable fields and scale subresources of CRDs name values by them. The dialect is kubectl's:
//! fields, quoted fields, indices, slices, wildcards, recursive descent, unions and filters; braces around the whole are
//! optional. Templates (text around several braces, `range`) are not part of it.
//!
//! Source: `k8s.io/client-go/util/jsonpath`, Kubernetes 1.36.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// `*`: all fields of an object, all items of a list.
    Wildcard,
    /// `..`: the value itself and everything below.
    Recursive,
    Slice(Slice),
    Union(Vec<JsonPath>),
    Filter(Filter),
}

/// `[start:end:step]`; `[3]` is the slice of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
    is_index: bool,
}

/// `?(@.a == "b")`; without an operator, whether there is a value.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    left: Operand,
    comparison: Option<(Comparison, Operand)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(JsonPath),
    Constant(Value),
}

impl JsonPath {
    /// Parses a path, with or without braces.
    ///
    /// # Errors
    /// What is wrong with it, in the manner of upstream's parser.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let mut parser = Parser { text: inner, position: 0 };
        let steps = parser.steps()?;
        Ok(Self { steps })
    }

    /// Returns the values at the path, in order; none when something on the way is missing.
    pub fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        self.steps.iter().fold(vec![root], |values, step| values.into_iter().flat_map(|value| step.of(value)).collect())
    }

    /// Returns the first value at the path.
    pub fn first<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.find(root).into_iter().next()
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name.as_str()).into_iter().collect(),
            Self::Wildcard => children(value),
            Self::Recursive => descendants(value),
            Self::Slice(slice) => value.as_array().map(|items| slice.of(items)).unwrap_or_default(),
            Self::Union(paths) => paths.iter().flat_map(|path| path.find(value)).collect(),
            Self::Filter(filter) => children(value).into_iter().filter(|item| filter.holds(item)).collect(),
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

fn descendants(value: &Value) -> Vec<&Value> {
    let mut found = vec![value];
    let mut next = 0;
    while let Some(value) = found.get(next).copied() {
        found.extend(children(value));
        next += 1;
    }
    found
}

impl Slice {
    fn of(self, items: &[Value]) -> Vec<&Value> {
        let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let from_end = |index: i64| if index < 0 { index + len } else { index };
        let start = from_end(self.start.unwrap_or(0)).max(if self.is_index { i64::MIN } else { 0 });
        let end = if self.is_index { start.saturating_add(1) } else { from_end(self.end.unwrap_or(len)).min(len) };
        if start < 0 || start >= len || end > len {
            return Vec::new();
        }
        let step = usize::try_from(self.step).unwrap_or(1).max(1);
        let (start, end) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
        items.get(start..end).unwrap_or_default().iter().step_by(step).collect()
    }
}

impl Filter {
    fn holds(&self, item: &Value) -> bool {
        let left = self.left.of(item);
        match (&self.comparison, left) {
            (None, left) => left.is_some(),
            (Some((comparison, right)), Some(left)) => {
                right.of(item).is_some_and(|right| comparison.holds(left, right))
            }
            (Some(_), None) => false,
        }
    }
}

impl Operand {
    fn of<'a>(&'a self, item: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Path(path) => path.first(item),
            Self::Constant(value) => Some(value),
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Number(left), Value::Number(right)) => {
                left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right))
            }
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            _ => None,
        };
        let Some(order) = order else { return false };
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        while let Some(next) = self.rest().chars().next() {
            match next {
                '$' | '@' if self.position == 0 => self.position += 1,
                '.' if self.rest().starts_with("..") => {
                    // One of the two dots is left, to begin the field behind.
                    self.position += if self.rest()[2..].starts_with('[') { 2 } else { 1 };
                    steps.push(Step::Recursive);
                }
                '.' => {
                    self.position += 1;
                    steps.extend(self.field()?);
                }
                '[' => {
                    let inside = self.brackets()?;
                    steps.push(subscript(&inside)?);
                }
                _ if self.position == 0 => steps.extend(self.field()?),
                other => return Err(format!("unrecognized character in action: U+{:04X} '{other}'", u32::from(other))),
            }
        }
        Ok(steps)
    }

    /// Reads a name up to the next dot or bracket; a backslash takes a dot's meaning.
    fn field(&mut self) -> Result<Option<Step>, String> {
        let mut name = String::new();
        let mut characters = self.rest().char_indices();
        let mut end = self.rest().len();
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                '.' | '[' | ']' | ' ' => {
                    end = index;
                    break;
                }
                other => name.push(other),
            }
        }
        self.position += end;
        match name.as_str() {
            "" if self.rest().is_empty() || self.rest().starts_with('[') => Ok(None),
            "" => Err("unterminated field".to_owned()),
            "*" => Ok(Some(Step::Wildcard)),
            _ => Ok(Some(Step::Field(name))),
        }
    }

    /// Returns what is between a bracket and the one that closes it.
    fn brackets(&mut self) -> Result<String, String> {
        let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
        for (index, character) in self.rest().char_indices() {
            match (quote, character) {
                _ if escaped => escaped = false,
                (_, '\\') => escaped = true,
                (Some(open), _) if open == character => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(character),
                (None, '[' | '(') => depth += 1,
                (None, ']' | ')') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        let inside = self.rest()[1..index].to_owned();
                        self.position += index + 1;
                        return Ok(inside);
                    }
                }
                _ => {}
            }
        }
        Err("unterminated array".to_owned())
    }
}

/// Reads what is between brackets.
fn subscript(inside: &str) -> Result<Step, String> {
    let inside = inside.trim();
    if inside == "*" {
        return Ok(Step::Wildcard);
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return filter_of(filter).map(Step::Filter);
    }
    let parts = split_outside_quotes(inside, ',');
    match parts.as_slice() {
        [one] => match unquote(one) {
            Some(name) => Ok(Step::Field(name)),
            None => slice_of(one).map(Step::Slice).ok_or_else(|| format!("invalid array index {one}")),
        },
        many => {
            let path = |part: &&str| subscript(part).map(|step| JsonPath { steps: vec![step] });
            Ok(Step::Union(many.iter().map(path).collect::<Result<_, _>>()?))
        }
    }
}

fn slice_of(text: &str) -> Option<Slice> {
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits => digits.parse::<i64>().ok().map(Some),
    };
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [index] => Some(Slice { start: Some(index.trim().parse().ok()?), end: None, step: 1, is_index: true }),
        [start, end] => Some(Slice { start: number(start)?, end: number(end)?, step: 1, is_index: false }),
        [start, end, step] => {
            Some(Slice { start: number(start)?, end: number(end)?, step: number(step)?.unwrap_or(1), is_index: false })
        }
        _ => None,
    }
}

fn filter_of(text: &str) -> Result<Filter, String> {
    const OPERATORS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let Some(start) = text.find(['=', '!', '<', '>']) else {
        return Ok(Filter { left: operand(text)?, comparison: None });
    };
    let rest = &text[start..];
    match OPERATORS.iter().find_map(|(symbol, comparison)| Some((*comparison, rest.strip_prefix(symbol)?))) {
        Some((comparison, right)) => {
            Ok(Filter { left: operand(&text[..start])?, comparison: Some((comparison, operand(right)?)) })
        }
        None => Err(format!("unrecognized filter operator {rest}")),
    }
}

fn operand(text: &str) -> Result<Operand, String> {
    let text = text.trim();
    if let Some(constant) = unquote(text) {
        return Ok(Operand::Constant(constant.into()));
    }
    match text.strip_prefix('@') {
        Some(path) => Ok(Operand::Path(JsonPath::parse(path)?)),
        None => match serde_json::from_str::<Value>(text) {
            Ok(constant @ (Value::Bool(_) | Value::Number(_))) => Ok(Operand::Constant(constant)),
            _ => Ok(Operand::Path(JsonPath::parse(text)?)),
        },
    }
}

fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(inner.replace(&format!("\\{quote}"), &quote.to_string()))
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (index, character) in text.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character == separator => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            None => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(path: &str, expected: &Value) {
        let object = json!({
            "spec": {"replicas": 3, "a.b": "dotted", "list": [1, 2, 3, 4], "map": {"x": {"name": "n1"}}},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "n": 1}, {"type": "Synced", "status": "False", "n": 2},
            ]},
        });
        let found = JsonPath::parse(path).expect("the path is good").find(&object).into_iter().cloned();
        assert_eq!(Value::Array(found.collect()), *expected, "{path}");
    }

    #[test]
    fn fields_and_quoted_fields_are_found() {
        check(".spec.replicas", &json!([3]));
        check("{.spec.replicas}", &json!([3]));
        check("spec.replicas", &json!([3]));
        check("$.spec.replicas", &json!([3]));
        check(r".spec.a\.b", &json!(["dotted"]));
        check(".spec['a.b']", &json!(["dotted"]));
        check(".spec.nope.deeper", &json!([]));
    }

    #[test]
    fn lists_are_indexed_and_sliced() {
        check(".spec.list[0]", &json!([1]));
        check(".spec.list[-1]", &json!([4]));
        check(".spec.list[9]", &json!([]));
        check(".spec.list[1:3]", &json!([2, 3]));
        check(".spec.list[:2]", &json!([1, 2]));
        check(".spec.list[-2:]", &json!([3, 4]));
        check(".spec.list[::2]", &json!([1, 3]));
        check(".spec.list[*]", &json!([1, 2, 3, 4]));
        check(".spec['replicas','a.b']", &json!([3, "dotted"]));
    }

    #[test]
    fn filters_select_by_what_is_inside() {
        check(r#".status.conditions[?(@.type=="Ready")].status"#, &json!(["True"]));
        check(".status.conditions[?(@.type != 'Ready')].status", &json!(["False"]));
        check(".status.conditions[?(@.n>1)].type", &json!(["Synced"]));
        check(".status.conditions[?(@.nope)].type", &json!([]));
        check(".status.conditions[?(@.n)].type", &json!(["Ready", "Synced"]));
        check(".status.conditions[*].type", &json!(["Ready", "Synced"]));
    }

    #[test]
    fn wildcards_and_descent_look_everywhere() {
        check(".spec.map.*.name", &json!(["n1"]));
        check("..name", &json!(["n1"]));
        check(".spec..name", &json!(["n1"]));
    }

    #[test]
    fn bad_paths_are_refused() {
        for path in [".spec[", ".spec[x]", ".a b", ".status[?(@.a=~1)]"] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}
