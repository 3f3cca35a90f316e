//! Evaluates expressions.
//!
//! What is checked beforehand is not trusted: a value of a wrong type is a failure, never a panic. Evaluation stops when
//! it has taken too many steps, since a rule must not stop the server.
//!
//! Source: the semantics of the CEL specification, and the wording of cel-go's failures.

use std::sync::Arc;

use super::library;
use super::macros::{Macro, bound, macro_of};
use super::syntax::{Expr, Literal, Node};
use super::value::{Failure, Value};

/// How many nodes one expression may visit.
const MAX_STEPS: u64 = 1_000_000;

pub(super) type Outcome<'a> = Result<Value<'a>, Failure>;

/// An evaluation: the variables in scope, and the steps that are left.
#[derive(Debug)]
pub(super) struct Interpreter<'a> {
    variables: Vec<(&'a str, Value<'a>)>,
    steps: u64,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(variables: Vec<(&'a str, Value<'a>)>) -> Self {
        Self { variables, steps: MAX_STEPS }
    }

    /// Evaluates an expression.
    ///
    /// # Errors
    /// Why there is no value.
    pub(super) fn eval(&mut self, expr: &'a Expr) -> Outcome<'a> {
        self.steps =
            self.steps.checked_sub(1).ok_or_else(|| "operation cancelled: actual cost limit exceeded".to_owned())?;
        match &expr.node {
            Node::Literal(literal) => Ok(constant(literal)),
            Node::Ident(name) => self.ident(name),
            Node::Select { operand, field, optional } => {
                let operand = self.eval(operand)?;
                select(&operand, field, *optional)
            }
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Call { function, target, args } => match macro_of(function, target.as_deref(), args) {
                Some(known) => self.expand(known, target.as_deref(), args),
                None => self.call(function, target.as_deref(), args),
            },
        }
    }

    fn ident(&self, name: &'a str) -> Outcome<'a> {
        if let Some((_, value)) = self.variables.iter().rev().find(|(variable, _)| *variable == name) {
            return Ok(value.clone());
        }
        let types = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];
        let known = types.into_iter().find(|known| *known == name);
        known.map(Value::Type).ok_or_else(|| format!("no such attribute(s): {name}"))
    }

    fn list(&mut self, items: &'a [(Expr, bool)]) -> Outcome<'a> {
        let mut values = Vec::with_capacity(items.len());
        for (item, optional) in items {
            match (optional, self.eval(item)?) {
                (true, Value::Optional(value)) => values.extend(value.map(|value| *value)),
                (_, value) => values.push(value),
            }
        }
        Ok(Value::List(Arc::new(values)))
    }

    fn map(&mut self, entries: &'a [(Expr, Expr, bool)]) -> Outcome<'a> {
        let mut values: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
        for (key, value, optional) in entries {
            let key = self.eval(key)?;
            let value = match (optional, self.eval(value)?) {
                (true, Value::Optional(None)) => continue,
                (true, Value::Optional(Some(value))) => *value,
                (_, value) => value,
            };
            if values.iter().any(|(other, _)| other.equals(&key)) {
                return Err("Failed with repeated key".to_owned());
            }
            values.push((key, value));
        }
        Ok(Value::Map(Arc::new(values)))
    }

    fn call(&mut self, function: &'a str, target: Option<&'a Expr>, args: &'a [Expr]) -> Outcome<'a> {
        match (function, args) {
            ("_&&_", [left, right]) => return self.logic(left, right, false),
            ("_||_", [left, right]) => return self.logic(left, right, true),
            ("_?_:_", [condition, yes, no]) => {
                return match self.eval(condition)? {
                    Value::Bool(true) => self.eval(yes),
                    Value::Bool(false) => self.eval(no),
                    _ => Err("no such overload".to_owned()),
                };
            }
            ("or" | "orValue", [other]) => {
                if let Some(target) = target
                    && let Value::Optional(value) = self.eval(target)?
                {
                    return match (value, function) {
                        (Some(value), "orValue") => Ok(*value),
                        (Some(value), _) => Ok(Value::Optional(Some(value))),
                        (None, _) => self.eval(other),
                    };
                }
            }
            _ => {}
        }
        let namespace = match target {
            Some(Expr { node: Node::Ident(name), .. })
                if !self.variables.iter().any(|(variable, _)| variable == name) =>
            {
                Some(name.as_str())
            }
            _ => None,
        };
        let values =
            |interpreter: &mut Self| args.iter().map(|arg| interpreter.eval(arg)).collect::<Result<Vec<_>, _>>();
        if let Some(namespace) = namespace {
            let values = values(self)?;
            return library::namespaced(namespace, function, &values);
        }
        let target = target.map(|target| self.eval(target)).transpose()?;
        let values = values(self)?;
        match target {
            Some(target) => library::method(function, &target, &values),
            None => library::function(function, &values),
        }
    }

    /// `&&` and `||`: the side that decides is enough, even when the other fails.
    fn logic(&mut self, left: &'a Expr, right: &'a Expr, decides: bool) -> Outcome<'a> {
        let left = self.eval(left);
        if matches!(left, Ok(Value::Bool(value)) if value == decides) {
            return left;
        }
        let right = self.eval(right);
        match (left, right) {
            (_, Ok(Value::Bool(value))) if value == decides => Ok(Value::Bool(decides)),
            (Err(failure), _) | (Ok(Value::Bool(_)), Err(failure)) => Err(failure),
            (Ok(Value::Bool(_)), Ok(Value::Bool(value))) => Ok(Value::Bool(value)),
            _ => Err("no such overload".to_owned()),
        }
    }

    fn expand(&mut self, known: Macro, target: Option<&'a Expr>, args: &'a [Expr]) -> Outcome<'a> {
        let Some(target) = target else { return self.has(&args[0]) };
        let range = self.eval(target)?;
        if known.is_optional() {
            return self.optional(known, range, args);
        }
        let names = known.variables(args.len());
        let rest = &args[names..];
        let pairs = pairs(&range, names).ok_or_else(|| "no such overload".to_owned())?;
        match known {
            Macro::All => self.quantify(&pairs, args, false),
            Macro::Exists => self.quantify(&pairs, args, true),
            Macro::ExistsOne => {
                let mut count = 0;
                for pair in &pairs {
                    count += u32::from(self.test(pair, args, names)?);
                }
                Ok(Value::Bool(count == 1))
            }
            Macro::Filter => {
                let mut kept = Vec::new();
                for pair in &pairs {
                    if self.test(pair, args, names)? {
                        kept.push(pair.0.clone());
                    }
                }
                Ok(Value::List(Arc::new(kept)))
            }
            Macro::SortBy => {
                let mut keyed = Vec::with_capacity(pairs.len());
                for pair in &pairs {
                    keyed.push((self.bind(pair, args, names, &rest[0])?, pair.0.clone()));
                }
                library::lists::sort_by_key(keyed)
            }
            _ => self.transform(known, &pairs, args, names),
        }
    }

    fn transform(&mut self, known: Macro, pairs: &[Pair<'a>], args: &'a [Expr], names: usize) -> Outcome<'a> {
        let rest = &args[names..];
        let (conditions, body) = rest.split_at(rest.len() - 1);
        let mut values = Vec::new();
        let mut entries = Vec::new();
        for pair in pairs {
            if let [condition] = conditions
                && !is_true(self.bind(pair, args, names, condition)?)?
            {
                continue;
            }
            let value = self.bind(pair, args, names, &body[0])?;
            match known {
                Macro::TransformMap => entries.push((pair.0.clone(), value)),
                Macro::TransformMapEntry => {
                    entries.extend(value.entries().ok_or_else(|| "no such overload".to_owned())?)
                }
                _ => values.push(value),
            }
        }
        Ok(match known {
            Macro::TransformMap | Macro::TransformMapEntry => Value::Map(Arc::new(entries)),
            _ => Value::List(Arc::new(values)),
        })
    }

    /// `has(a.b)`: whether the field is there.
    fn has(&mut self, arg: &'a Expr) -> Outcome<'a> {
        let Node::Select { operand, field, .. } = &arg.node else {
            return Err("invalid argument to has() macro".to_owned());
        };
        let operand = match self.eval(operand)? {
            Value::Optional(None) => return Ok(Value::Bool(false)),
            Value::Optional(Some(value)) => *value,
            value => value,
        };
        Ok(Value::Bool(operand.field(field)?.is_some()))
    }

    fn optional(&mut self, known: Macro, range: Value<'a>, args: &'a [Expr]) -> Outcome<'a> {
        let Value::Optional(value) = range else { return Err("no such overload".to_owned()) };
        let Some(value) = value else { return Ok(Value::Optional(None)) };
        let result = self.bind(&(*value, Value::Null), args, 1, &args[1])?;
        Ok(if known == Macro::OptMap { Value::some(result) } else { result })
    }

    /// `all` and `exists`: one item decides, even when others fail.
    fn quantify(&mut self, pairs: &[Pair<'a>], args: &'a [Expr], decides: bool) -> Outcome<'a> {
        let mut failure = None;
        for pair in pairs {
            match self.test(pair, args, args.len() - 1) {
                Ok(value) if value == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        failure.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn test(&mut self, pair: &Pair<'a>, args: &'a [Expr], names: usize) -> Result<bool, Failure> {
        is_true(self.bind(pair, args, names, &args[names])?)
    }

    fn bind(&mut self, pair: &Pair<'a>, args: &'a [Expr], names: usize, body: &'a Expr) -> Outcome<'a> {
        let depth = self.variables.len();
        self.variables.push((bound(&args[0]), pair.0.clone()));
        if names == 2 {
            self.variables.push((bound(&args[1]), pair.1.clone()));
        }
        let result = self.eval(body);
        self.variables.truncate(depth);
        result
    }
}

/// What the names of a macro stand for, one step of its range after the other.
type Pair<'a> = (Value<'a>, Value<'a>);

fn pairs<'a>(range: &Value<'a>, names: usize) -> Option<Vec<Pair<'a>>> {
    if let Some(items) = range.items() {
        let pair = |(index, item): (usize, Value<'a>)| match names {
            2 => (Value::Int(i64::try_from(index).unwrap_or(i64::MAX)), item),
            _ => (item, Value::Null),
        };
        return Some(items.into_iter().enumerate().map(pair).collect());
    }
    range.entries()
}

fn is_true(value: Value<'_>) -> Result<bool, Failure> {
    match value {
        Value::Bool(value) => Ok(value),
        _ => Err("no such overload".to_owned()),
    }
}

fn constant<'a>(literal: &'a Literal) -> Value<'a> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::Str(text),
        Literal::Bytes(bytes) => Value::Bytes(Arc::clone(bytes)),
    }
}

fn select<'a>(operand: &Value<'a>, field: &str, optional: bool) -> Outcome<'a> {
    if let Value::Optional(value) = operand {
        let Some(value) = value else { return Ok(Value::Optional(None)) };
        return Ok(flat(value.field(field)?));
    }
    match operand.field(field)? {
        found if optional => Ok(flat(found)),
        Some(found) => Ok(found),
        None => Err(format!("no such key: {field}")),
    }
}

/// Returns an optional of what was found, which may be one itself.
pub(super) fn flat<'a>(found: Option<Value<'a>>) -> Value<'a> {
    match found {
        Some(Value::Optional(value)) => Value::Optional(value),
        Some(value) => Value::some(value),
        None => Value::Optional(None),
    }
}
