//! Label selectors, as text (`a=b,c in (d,e),!f`) and as objects (`matchLabels`, `matchExpressions`).
//!
//! Source: `k8s.io/apimachinery/pkg/labels/selector.go`, `pkg/apis/meta/v1/helpers.go`, Kubernetes 1.36.

use serde_json::{Map, Value};

use crate::controlplane::names;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::{FieldError, aggregate};
use crate::controlplane::status::Status;

/// A condition on labels: all requirements hold. Without requirements everything is selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    /// The selector of an absent `LabelSelector` object selects nothing.
    nothing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Equals,
    NotEquals,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl LabelSelector {
    /// Reads a selector's text. The empty text selects everything.
    ///
    /// # Errors
    /// 400 with upstream's text.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let requirements = Parser::new(text).parse().map_err(Status::bad_request)?;
        Ok(Self { requirements, nothing: false })
    }

    /// Reads a `LabelSelector` object: nothing is selected by null, everything by an empty one.
    ///
    /// # Errors
    /// 400 with upstream's text.
    pub fn from_object(selector: &Value) -> Result<Self, Status> {
        if selector.is_null() {
            return Ok(Self { requirements: Vec::new(), nothing: true });
        }
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let values = vec![value.as_str().unwrap_or_default().to_owned()];
            requirements.push(Requirement::new(key, Operator::In, values).map_err(Status::bad_request)?);
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            requirements.push(Requirement::from_expression(expression).map_err(Status::bad_request)?);
        }
        Ok(Self { requirements, nothing: false })
    }

    /// Returns the selector of exactly these labels, as `spec.selector` of a Service or a ReplicationController.
    pub fn from_map(labels: &Map<String, Value>) -> Self {
        let requirement = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.as_str().unwrap_or_default().to_owned()],
        };
        Self { requirements: labels.iter().map(requirement).collect(), nothing: false }
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty() && !self.nothing
    }

    /// Whether the object's labels fulfil all requirements.
    pub fn matches(&self, object: &Value) -> bool {
        self.matches_by(|key| object.label(key))
    }

    /// Whether these labels fulfil all requirements.
    pub fn matches_labels(&self, labels: &Map<String, Value>) -> bool {
        self.matches_by(|key| labels.get(key).and_then(Value::as_str))
    }

    fn matches_by<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(label(&requirement.key)))
    }
}

impl Requirement {
    /// Checks a requirement as upstream's `NewRequirement` does.
    fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, String> {
        let mut errors: Vec<FieldError> = key_error("key", key).into_iter().collect();
        if let Some(detail) = operator.count_error(values.len()) {
            errors.push(FieldError::invalid("values", &Value::from(values.clone()), detail));
        }
        for (index, value) in values.iter().enumerate() {
            let shown = Value::from(value.as_str());
            if operator.is_numeric() && value.parse::<i64>().is_err() {
                let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(FieldError::invalid(format!("values[{index}]"), &shown, detail));
            }
            let findings = names::label_value(value);
            if !findings.is_empty() {
                errors.push(FieldError::invalid(format!("values[{index}][{key}]"), &shown, findings.join("; ")));
            }
        }
        match errors.is_empty() {
            true => Ok(Self { key: key.to_owned(), operator, values }),
            false => Err(aggregate(&errors)),
        }
    }

    fn from_expression(expression: &Value) -> Result<Self, String> {
        let operator = match expression.text_at(&["operator"]) {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(format!("{other:?} is not a valid label selector operator")),
        };
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
        Self::new(expression.text_at(&["key"]), operator, values)
    }

    fn matches(&self, label: Option<&str>) -> bool {
        let is_listed = |value: &str| self.values.iter().any(|listed| listed == value);
        match self.operator {
            Operator::In | Operator::Equals => label.is_some_and(is_listed),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(is_listed),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compares(label, |value, bound| value > bound),
            Operator::LessThan => self.compares(label, |value, bound| value < bound),
        }
    }

    fn compares(&self, label: Option<&str>, holds: impl Fn(i64, i64) -> bool) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().and_then(|value| number(value));
        label.and_then(number).zip(bound).is_some_and(|(value, bound)| holds(value, bound))
    }
}

impl Operator {
    fn is_numeric(self) -> bool {
        matches!(self, Self::GreaterThan | Self::LessThan)
    }

    /// Returns what is wrong with a number of values.
    fn count_error(self, count: usize) -> Option<&'static str> {
        match self {
            Self::In | Self::NotIn if count == 0 => Some("for 'in', 'notin' operators, values set can't be empty"),
            Self::Equals | Self::NotEquals if count != 1 => Some("exact-match compatibility requires one single value"),
            Self::Exists | Self::DoesNotExist if count != 0 => {
                Some("values set must be empty for exists and does not exist")
            }
            Self::GreaterThan | Self::LessThan if count != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        }
    }
}

fn key_error(path: &str, key: &str) -> Option<FieldError> {
    let findings = names::qualified_name(key);
    (!findings.is_empty()).then(|| FieldError::invalid(path, &Value::from(key), findings.join("; ")))
}

/// The words of a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Error,
    EndOfString,
    ClosedParenthesis,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    GreaterThan,
    Identifier,
    In,
    LessThan,
    NotEquals,
    NotIn,
    OpenParenthesis,
}

fn symbol(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::ClosedParenthesis,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::GreaterThan,
        "<" => Token::LessThan,
        "!=" => Token::NotEquals,
        "(" => Token::OpenParenthesis,
        _ => return None,
    })
}

fn is_special(character: char) -> bool {
    matches!(character, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_white_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Takes the next word off the text; the longest symbol wins.
fn next_token(text: &str) -> (Token, String, &str) {
    let text = text.trim_start_matches(is_white_space);
    let Some(first) = text.chars().next() else { return (Token::EndOfString, String::new(), text) };
    if is_special(first) {
        let run = text.find(|character| !is_special(character)).unwrap_or(text.len());
        let longest = (1..=run.min(2)).rev().find_map(|len| Some((symbol(&text[..len])?, len)));
        return match longest {
            Some((token, len)) => (token, text[..len].to_owned(), &text[len..]),
            None => (Token::Error, format!("error expected: keyword found '{}'", &text[..run]), &text[run..]),
        };
    }
    let end = text.find(|character| is_special(character) || is_white_space(character)).unwrap_or(text.len());
    let token = match &text[..end] {
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Identifier,
    };
    (token, text[..end].to_owned(), &text[end..])
}

/// Reads requirements off a list of words. Texts of errors are upstream's, uneven punctuation included.
struct Parser {
    tokens: Vec<(Token, String)>,
    position: usize,
}

/// Whether `in` and `notin` are operators here, or words like others.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Operator,
    Value,
}

impl Parser {
    fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text;
        loop {
            let (token, literal, tail) = next_token(rest);
            tokens.push((token, literal));
            rest = tail;
            if token == Token::EndOfString {
                return Self { tokens, position: 0 };
            }
        }
    }

    fn peek(&self, place: Place) -> (Token, String) {
        let last = self.tokens.len() - 1;
        let (token, literal) = self.tokens[self.position.min(last)].clone();
        match token {
            Token::In | Token::NotIn if place == Place::Value => (Token::Identifier, literal),
            _ => (token, literal),
        }
    }

    fn take(&mut self, place: Place) -> (Token, String) {
        let found = self.peek(place);
        self.position += 1;
        found
    }

    fn parse(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek(Place::Value) {
                (Token::Identifier | Token::Not, _) => {
                    let requirement = self.requirement();
                    requirements.push(requirement.map_err(|error| format!("unable to parse requirement: {error}"))?);
                }
                (Token::EndOfString, _) => return Ok(requirements),
                (_, literal) => return Err(format!("found '{literal}', expected: !, identifier, or 'end of string'")),
            }
            match self.take(Place::Value) {
                (Token::EndOfString, _) => return Ok(requirements),
                (Token::Comma, _) => match self.peek(Place::Value) {
                    (Token::Identifier | Token::Not, _) => {}
                    (_, literal) => return Err(format!("found '{literal}', expected: identifier after ','")),
                },
                (_, literal) => return Err(format!("found '{literal}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.take(Place::Value);
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.take(Place::Value);
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        if let Some(error) = key_error("<nil>", &key) {
            return Err(error.to_string());
        }
        let is_last = matches!(self.peek(Place::Value), (Token::EndOfString | Token::Comma, _));
        if negated {
            return Requirement::new(&key, Operator::DoesNotExist, Vec::new());
        }
        if is_last {
            return Requirement::new(&key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let mut values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact_value()?],
        };
        values.sort();
        values.dedup();
        Requirement::new(&key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, String> {
        Ok(match self.take(Place::Operator) {
            (Token::In, _) => Operator::In,
            (Token::NotIn, _) => Operator::NotIn,
            (Token::Equals | Token::DoubleEquals, _) => Operator::Equals,
            (Token::NotEquals, _) => Operator::NotEquals,
            (Token::GreaterThan, _) => Operator::GreaterThan,
            (Token::LessThan, _) => Operator::LessThan,
            (_, literal) => return Err(format!("found '{literal}', expected: in, notin, =, ==, !=, gt, lt")),
        })
    }

    /// Reads `(a,b)`. A missing value, as in `(,a)` and `()`, is the empty one.
    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.take(Place::Value) {
            (Token::OpenParenthesis, _) => {}
            (_, literal) => return Err(format!("found '{literal}' expected: '('")),
        }
        match self.peek(Place::Value) {
            (Token::Identifier | Token::Comma, _) => {
                let values = self.identifiers()?;
                self.take(Place::Value);
                Ok(values)
            }
            (Token::ClosedParenthesis, _) => {
                self.take(Place::Value);
                Ok(vec![String::new()])
            }
            (_, literal) => Err(format!("found '{literal}', expected: ',', ')' or identifier")),
        }
    }

    /// Reads up to the closing parenthesis, and leaves it.
    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            match self.take(Place::Value) {
                (Token::Identifier, literal) => {
                    values.push(literal);
                    match self.peek(Place::Value) {
                        (Token::Comma, _) => {}
                        (Token::ClosedParenthesis, _) => return Ok(values),
                        (_, literal) => return Err(format!("found '{literal}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek(Place::Value).0 {
                        Token::ClosedParenthesis => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Token::Comma => {
                            self.take(Place::Value);
                            values.push(String::new());
                        }
                        _ => {}
                    }
                }
                (_, literal) => return Err(format!("found '{literal}', expected: ',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<String, String> {
        match self.peek(Place::Value) {
            (Token::EndOfString | Token::Comma, _) => Ok(String::new()),
            (Token::Identifier, literal) => {
                self.take(Place::Value);
                Ok(literal)
            }
            (_, literal) => Err(format!("found '{literal}', expected: identifier")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(selector: &str, labels: &Value, expected: bool) {
        let labels = labels.as_object().expect("the test gives an object");
        let selector = LabelSelector::parse(selector).expect("the selector is good");
        assert_eq!(selector.matches_labels(labels), expected, "{selector:?} of {labels:?}");
    }

    #[track_caller]
    fn check_error(selector: &str, expected: &str) {
        let error = LabelSelector::parse(selector).expect_err("the selector is bad");
        assert_eq!((error.code, error.message.as_str()), (400, expected), "{selector}");
    }

    #[test]
    fn requirements_are_all_to_be_met() {
        let labels = json!({"a": "b", "n": "3", "e": ""});
        for selector in ["", "a", "a=b", "a==b", "a = b", "a!=c", "a in (x, b)", "a notin (x)", "!z", "z!=1", "a,n"] {
            check(selector, &labels, true);
        }
        for selector in ["z", "a=c", "a!=b", "a in (x)", "a notin (x,b)", "!a", "a=b,z", "z in ()"] {
            check(selector, &labels, false);
        }
        for selector in ["e=", "e in ()", "e in (,x)", "e==,a=b", "in notin (in)", "e in (x,,y)", "z notin ()"] {
            check(selector, &labels, true);
        }
    }

    #[test]
    fn numbers_compare_only_with_numbers() {
        let labels = json!({"n": "3", "t": "x"});
        for (selector, expected) in [("n>2", true), ("n>3", false), ("n<10", true), ("t>1", false), ("z<1", false)] {
            check(selector, &labels, expected);
        }
    }

    #[test]
    fn bad_selectors_are_explained_as_upstream_does() {
        check_error("==", "found '==', expected: !, identifier, or 'end of string'");
        check_error("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
        check_error("i in 1,2", "unable to parse requirement: found '1' expected: '('");
        check_error("x=bad value!", "found 'value', expected: ',' or 'end of string'");
        check_error("/x=1", "unable to parse requirement: <nil>: Invalid value: \"/x\": prefix part must be non-empty");
        check_error(
            "i>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must \
             be an integer",
        );
        check_error("a=b=c", "found '=', expected: ',' or 'end of string'");
        check_error(",", "found ',', expected: !, identifier, or 'end of string'");
        check_error("a,", "found '', expected: identifier after ','");
        check_error("!", "unable to parse requirement: found '', expected: identifier");
        check_error("a in (b", "unable to parse requirement: found '', expected: ',' or ')'");
        check_error("!a=b", "found '=', expected: ',' or 'end of string'");
    }

    #[test]
    fn selector_objects_select_alike() {
        let selector = |value: Value| LabelSelector::from_object(&value).expect("the selector is good");
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        assert!(selector(json!({})).matches(&object));
        assert!(!selector(Value::Null).matches(&object));
        assert!(selector(json!({"matchLabels": {"app": "web"}})).matches(&object));
        let expression = |operator: &str, values: Value| {
            selector(json!({"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]}))
        };
        assert!(expression("In", json!(["front", "back"])).matches(&object));
        assert!(!expression("NotIn", json!(["front"])).matches(&object));
        assert!(expression("Exists", json!([])).matches(&object));
        assert!(!expression("DoesNotExist", json!([])).matches(&object));
        let bad = json!({"matchExpressions": [{"key": "a", "operator": "Near"}]});
        let error = LabelSelector::from_object(&bad).expect_err("there is no such operator");
        assert_eq!(error.message, "\"Near\" is not a valid label selector operator");
    }
}
