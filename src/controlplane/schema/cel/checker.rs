//! Checks the types of an expression, so that a CRD with a rule that cannot work is refused when it is created.
//!
//! Source: the type system of the CEL specification, and the wording of `github.com/google/cel-go/checker`.

use regex::Regex;

use super::macros::{Macro, macro_of};
use super::overloads::{Overload, overloads};
use super::syntax::{Expr, Literal, Node, Problem};
use super::types::Type;
use crate::controlplane::schema::pattern;

/// The variables of an expression.
pub(super) type Variables = Vec<(String, Type)>;

/// Returns the type of an expression.
///
/// # Errors
/// Everything that is wrong with it, in order of place.
pub(super) fn check(expr: &Expr, variables: Variables) -> Result<Type, Vec<Problem>> {
    let mut checker = Checker { variables, vars: Vec::new(), problems: Vec::new() };
    let result = checker.expr(expr);
    if checker.problems.is_empty() {
        return Ok(checker.resolve(&result));
    }
    checker.problems.sort_by_key(|problem| problem.at);
    checker.problems.dedup();
    Err(checker.problems)
}

/// Words problems as upstream does, pointing into the source.
pub(super) fn describe(source: &str, problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(|problem| describe_one(source, problem)).collect();
    texts.join("\n")
}

fn describe_one(source: &str, problem: &Problem) -> String {
    let at = problem.at.min(source.len());
    let before = source.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[line_start..].chars().count() + 1;
    let text = source[line_start..].lines().next().unwrap_or_default();
    let dots = ".".repeat(column - 1);
    format!("ERROR: <input>:{line}:{column}: {}\n | {text}\n | {dots}^", problem.message)
}

struct Checker {
    variables: Variables,
    /// What is known of type variables.
    vars: Vec<Option<Type>>,
    problems: Vec<Problem>,
}

impl Checker {
    fn problem(&mut self, at: usize, message: String) -> Type {
        self.problems.push(Problem { at, message });
        Type::Dyn
    }

    fn fresh(&mut self) -> Type {
        self.vars.push(None);
        Type::Var(self.vars.len() - 1)
    }

    fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.node {
            Node::Literal(literal) => literal_type(literal),
            Node::Ident(name) => self.ident(expr.at, name),
            Node::Select { operand, field, optional } => {
                let operand = self.expr(operand);
                let found = self.select(expr.at, &operand, field);
                if *optional && !matches!(found, Type::Optional(_)) { Type::optional(found) } else { found }
            }
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Call { function, target, args } => match macro_of(function, target.as_deref(), args) {
                Some(known) => self.expand(expr.at, known, target.as_deref(), args),
                None => self.call(expr.at, function, target.as_deref(), args),
            },
        }
    }

    fn ident(&mut self, at: usize, name: &str) -> Type {
        if let Some((_, known)) = self.variables.iter().rev().find(|(variable, _)| variable == name) {
            return known.clone();
        }
        let types = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];
        if types.contains(&name) {
            return Type::Type;
        }
        self.problem(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn select(&mut self, at: usize, operand: &Type, field: &str) -> Type {
        match self.resolve(operand) {
            Type::Object(object) => match object.field(field) {
                Some(found) => found,
                None => self.problem(at, format!("undefined field '{field}'")),
            },
            Type::Map(_, values) => *values,
            Type::Optional(value) => match self.select(at, &value, field) {
                Type::Optional(found) => Type::Optional(found),
                found => Type::optional(found),
            },
            Type::Dyn | Type::Var(_) => Type::Dyn,
            other => self.problem(at, format!("type '{other}' does not support field selection")),
        }
    }

    fn list(&mut self, items: &[(Expr, bool)]) -> Type {
        let mut joined: Option<Type> = None;
        for (item, optional) in items {
            let mut found = self.expr(item);
            if let (true, Type::Optional(value)) = (optional, self.resolve(&found)) {
                found = *value;
            }
            joined = Some(self.join(joined, found));
        }
        Type::list(joined.unwrap_or_else(|| self.fresh()))
    }

    fn map(&mut self, entries: &[(Expr, Expr, bool)]) -> Type {
        let (mut keys, mut values) = (None, None);
        for (key, value, optional) in entries {
            let key = self.expr(key);
            let mut value = self.expr(value);
            if let (true, Type::Optional(inner)) = (optional, self.resolve(&value)) {
                value = *inner;
            }
            keys = Some(self.join(keys, key));
            values = Some(self.join(values, value));
        }
        let keys = keys.unwrap_or_else(|| self.fresh());
        let values = values.unwrap_or_else(|| self.fresh());
        Type::Map(Box::new(keys), Box::new(values))
    }

    /// Returns the one type of items, which is dynamic when they differ.
    fn join(&mut self, known: Option<Type>, found: Type) -> Type {
        match known {
            None => found,
            Some(known) if self.unify(&known, &found) => known,
            Some(_) => Type::Dyn,
        }
    }

    fn call(&mut self, at: usize, function: &str, target: Option<&Expr>, args: &[Expr]) -> Type {
        // `strings.quote(x)` is one name, unless `strings` is a variable.
        if let Some(Expr { node: Node::Ident(namespace), .. }) = target
            && !self.variables.iter().any(|(name, _)| name == namespace)
            && let qualified = format!("{namespace}.{function}")
            && !overloads(&qualified).is_empty()
        {
            return self.resolve_call(at, &qualified, None, args);
        }
        let target = target.map(|target| self.expr(target));
        self.resolve_call(at, function, target, args)
    }

    fn resolve_call(&mut self, at: usize, function: &str, target: Option<Type>, args: &[Expr]) -> Type {
        let found: Vec<Type> = args.iter().map(|arg| self.expr(arg)).collect();
        let known = overloads(function);
        if known.is_empty() {
            return self.problem(at, format!("undeclared reference to '{function}' (in container '')"));
        }
        let mut results: Vec<Type> = Vec::new();
        for overload in known.iter().filter(|known| known.target.is_some() == target.is_some()) {
            let kept = self.vars.clone();
            match self.try_overload(overload, target.as_ref(), &found) {
                Some(result) => {
                    let result = self.resolve(&result);
                    if !results.contains(&result) {
                        results.push(result);
                    }
                    // What a dynamic argument leaves open is not decided by the first that fits.
                    let open = |found: &Type| matches!(found, Type::Dyn);
                    if !found.iter().chain(&target).any(open) {
                        break;
                    }
                    self.vars = kept;
                }
                None => self.vars = kept,
            }
        }
        self.check_pattern(function, args, target.is_some());
        match results.len() {
            0 => {
                let signature = self.signature(target.as_ref(), &found);
                self.problem(at, format!("found no matching overload for '{function}' applied to '{signature}'"))
            }
            1 => results.swap_remove(0),
            _ => Type::Dyn,
        }
    }

    fn try_overload(&mut self, overload: &Overload, target: Option<&Type>, args: &[Type]) -> Option<Type> {
        if overload.args.len() != args.len() {
            return None;
        }
        let params = [self.fresh(), self.fresh()];
        let expected = overload.target.iter().chain(&overload.args);
        let actual = target.into_iter().chain(args);
        for (expected, actual) in expected.zip(actual) {
            if !self.unify(&instantiate(expected, &params), actual) {
                return None;
            }
        }
        Some(instantiate(&overload.result, &params))
    }

    /// Constant regular expressions are compiled when the rule is.
    fn check_pattern(&mut self, function: &str, args: &[Expr], is_method: bool) {
        let index = match function {
            "matches" if !is_method => 1,
            "matches" | "find" | "findAll" => 0,
            _ => return,
        };
        if let Some(Expr { at, node: Node::Literal(Literal::String(text)) }) = args.get(index) {
            let compiled: Result<Regex, String> = pattern::compile(text);
            if compiled.is_err() {
                self.problem(*at, format!("invalid {function} argument"));
            }
        }
    }

    fn signature(&self, target: Option<&Type>, args: &[Type]) -> String {
        let args: Vec<String> = args.iter().map(|arg| self.resolve(arg).to_string()).collect();
        let target = target.map(|target| format!("{}.", self.resolve(target))).unwrap_or_default();
        format!("{target}({})", args.join(", "))
    }

    fn expand(&mut self, at: usize, known: Macro, target: Option<&Expr>, args: &[Expr]) -> Type {
        if known == Macro::Has {
            return match &args[0].node {
                Node::Select { operand, field, .. } => {
                    let operand = self.expr(operand);
                    self.select(args[0].at, &operand, field);
                    Type::Bool
                }
                _ => self.problem(args[0].at, "invalid argument to has() macro".to_owned()),
            };
        }
        let Some(target) = target else { return Type::Dyn };
        let range = self.expr(target);
        let range = self.resolve(&range);
        let names = known.variables(args.len());
        for arg in &args[..names] {
            if !matches!(arg.node, Node::Ident(_)) {
                return self.problem(arg.at, "argument must be a simple name".to_owned());
            }
        }
        let (first, second) = match (known.is_optional(), &range) {
            (true, Type::Optional(value)) => ((**value).clone(), Type::Dyn),
            (true, Type::Dyn) | (false, Type::Dyn | Type::Var(_)) => (Type::Dyn, Type::Dyn),
            (false, Type::List(items)) if names == 2 => (Type::Int, (**items).clone()),
            (false, Type::List(items)) => ((**items).clone(), Type::Dyn),
            (false, Type::Map(keys, values)) => ((**keys).clone(), (**values).clone()),
            (_, other) => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return self.problem(target.at, message);
            }
        };
        let depth = self.variables.len();
        for (arg, bound) in args[..names].iter().zip([first.clone(), second.clone()]) {
            if let Node::Ident(name) = &arg.node {
                self.variables.push((name.clone(), bound));
            }
        }
        let results: Vec<Type> = args[names..].iter().map(|arg| self.expr(arg)).collect();
        self.variables.truncate(depth);
        self.macro_type(at, known, &range, &args[names..], &results)
    }

    fn macro_type(&mut self, at: usize, known: Macro, range: &Type, args: &[Expr], results: &[Type]) -> Type {
        let conditions = known.conditions(args.len());
        for (arg, found) in args.iter().zip(results).take(conditions) {
            if !self.unify(&Type::Bool, found) {
                let found = self.resolve(found);
                self.problem(arg.at, format!("expected type 'bool' but found '{found}'"));
            }
        }
        let last = results.last().cloned().unwrap_or(Type::Dyn);
        let keys = match range {
            Type::Map(keys, _) => (**keys).clone(),
            _ => Type::Int,
        };
        match known {
            Macro::Has | Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
            Macro::Map | Macro::TransformList => Type::list(last),
            Macro::Filter => match range {
                Type::Map(keys, _) => Type::list((**keys).clone()),
                other => other.clone(),
            },
            Macro::TransformMap => Type::Map(Box::new(keys), Box::new(last)),
            Macro::TransformMapEntry => last,
            Macro::SortBy => range.clone(),
            Macro::OptMap => Type::optional(last),
            Macro::OptFlatMap => match self.resolve(&last) {
                found @ (Type::Optional(_) | Type::Dyn) => found,
                other => self.problem(at, format!("expected an optional but found '{other}'")),
            },
        }
    }

    /// Returns the type with what is known of its variables.
    fn resolve(&self, found: &Type) -> Type {
        match found {
            Type::Var(index) => match self.vars.get(*index) {
                Some(Some(known)) => self.resolve(known),
                _ => found.clone(),
            },
            Type::List(items) => Type::list(self.resolve(items)),
            Type::Optional(value) => Type::optional(self.resolve(value)),
            Type::Map(keys, values) => Type::Map(Box::new(self.resolve(keys)), Box::new(self.resolve(values))),
            other => other.clone(),
        }
    }

    fn unify(&mut self, left: &Type, right: &Type) -> bool {
        let (left, right) = (self.resolve(left), self.resolve(right));
        match (&left, &right) {
            (Type::Var(index), other) | (other, Type::Var(index)) => {
                if !matches!(other, Type::Var(same) if same == index) {
                    self.vars[*index] = Some(other.clone());
                }
                true
            }
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (Type::Null, other) | (other, Type::Null) => {
                matches!(
                    other,
                    Type::Null
                        | Type::Object(_)
                        | Type::Duration
                        | Type::Timestamp
                        | Type::Optional(_)
                        | Type::Named(_)
                )
            }
            (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => {
                self.unify(left, right)
            }
            (Type::Map(left_keys, left), Type::Map(right_keys, right)) => {
                self.unify(left_keys, right_keys) && self.unify(left, right)
            }
            (left, right) => left == right,
        }
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}

fn instantiate(generic: &Type, params: &[Type; 2]) -> Type {
    match generic {
        Type::Var(index) => params[*index].clone(),
        Type::List(items) => Type::list(instantiate(items, params)),
        Type::Optional(value) => Type::optional(instantiate(value, params)),
        Type::Map(keys, values) => {
            Type::Map(Box::new(instantiate(keys, params)), Box::new(instantiate(values, params)))
        }
        other => other.clone(),
    }
}
