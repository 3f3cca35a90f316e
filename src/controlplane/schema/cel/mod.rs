//! The rules that a CRD states in CEL (`x-kubernetes-validations`).
//!
//! A rule is checked when its CRD is created, with the types that the schema gives, and compiled once for each row. The
//! language, Kubernetes' libraries, optional values and two-variable macros are all here, with no evaluator from
//! elsewhere, because rules must see what a Kubernetes API server sees: its types, its libraries, its failures. What it
//! does not have is upstream's estimate of what a rule may cost: rules that are refused for that alone are accepted;
//! evaluation is bounded instead.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel`, Kubernetes 1.36.

mod checker;
mod escape;
mod interpreter;
mod lexer;
mod library;
mod macros;
mod overloads;
mod syntax;
mod types;
mod validator;
mod value;

use std::sync::Arc;

use super::{Rule, Schema};
use syntax::{Expr, Problem};
use types::Type;

pub use validator::Validator;

/// What the rules of a node may speak of.
#[derive(Debug, Clone)]
pub struct Scope {
    self_type: Option<Type>,
}

impl Scope {
    /// Returns the scope of a node's rules; at the root, of metadata only the name is visible.
    pub fn new(schema: &Arc<Schema>, is_root: bool) -> Self {
        Self { self_type: Type::of_self(schema, is_root) }
    }

    fn variables(&self, rule: &Rule) -> checker::Variables {
        let own = self.self_type.clone().unwrap_or(Type::Dyn);
        let old = if rule.optional_old_self { Type::optional(own.clone()) } else { own.clone() };
        vec![("self".to_owned(), own), ("oldSelf".to_owned(), old)]
    }
}

/// What checking a rule has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What is wrong with the rule.
    pub rule: Option<String>,
    /// What is wrong with the expression for its message.
    pub message_expression: Option<String>,
    /// Whether the rule compares with the old value.
    pub uses_old_self: bool,
}

/// Checks a rule. An empty one has nothing to check: that it is empty is said elsewhere.
pub fn check(rule: &Rule, scope: &Scope) -> Found {
    let source = rule.rule.trim();
    if source.is_empty() {
        return Found::default();
    }
    let mut found = Found::default();
    match compile(source, rule, scope) {
        Err(why) => found.rule = Some(format!("compilation failed: {why}")),
        Ok((expr, result)) => {
            found.uses_old_self = macros::uses(&expr, "oldSelf");
            let mistyped = (result != Type::Bool).then(|| "cel expression must evaluate to a bool".to_owned());
            found.rule = mistyped;
        }
    }
    let Some(source) = rule.message_expression.as_deref().map(str::trim).filter(|source| !source.is_empty()) else {
        return found;
    };
    found.message_expression = match compile(source, rule, scope) {
        Err(why) => Some(format!("messageExpression compilation failed: {why}")),
        Ok((_, Type::String)) => None,
        Ok(_) => Some("messageExpression must evaluate to a string".to_owned()),
    };
    found
}

fn compile(source: &str, rule: &Rule, scope: &Scope) -> Result<(Expr, Type), String> {
    let describe = |problems: &[Problem]| checker::describe(source, problems);
    let expr = syntax::parse(source).map_err(|problem| describe(&[problem]))?;
    let result = checker::check(&expr, scope.variables(rule)).map_err(|problems| describe(&problems))?;
    Ok((expr, result))
}

#[cfg(test)]
mod tests;
