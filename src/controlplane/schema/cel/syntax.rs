//! The syntax of CEL: text to tree.
//!
//! Every node knows where it stands, since findings at CRD creation point at it as upstream's do: a call at its
//! bracket, an operator at its sign, a selection at its dot. Macros stay calls; who evaluates them knows them.
//!
//! Source: the grammar of the CEL specification (`cel-spec/doc/langdef.md`), with the optional syntax of cel-go.

use std::sync::Arc;

use super::lexer::{Lexer, Token};

/// How deeply expressions may be nested.
const MAX_DEPTH: usize = 128;

/// A node of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    /// The byte at which it stands.
    pub at: usize,
    pub node: Node,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Literal),
    Ident(String),
    Select {
        operand: Box<Expr>,
        field: String,
        optional: bool,
    },
    /// A function, an operator (`_==_`) or a macro.
    Call {
        function: String,
        target: Option<Box<Expr>>,
        args: Vec<Expr>,
    },
    /// The items, and whether each is left out when it is an absent optional.
    List(Vec<(Expr, bool)>),
    Map(Vec<(Expr, Expr, bool)>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub at: usize,
    pub message: String,
}

/// Parses an expression.
pub(super) fn parse(source: &str) -> Result<Expr, Problem> {
    let tokens = Lexer::new(source).tokens()?;
    let mut parser = Parser { source, tokens, next: 0, depth: 0 };
    let expr = parser.ternary()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("<EOF>")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

type Parsed = Result<Expr, Problem>;

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(other) if *other == sign)
    }

    fn take(&mut self, sign: &str) -> Option<usize> {
        let at = self.at();
        self.is(sign).then(|| {
            self.next += 1;
            at
        })
    }

    fn expect(&mut self, sign: &str) -> Result<usize, Problem> {
        self.take(sign).ok_or_else(|| self.unexpected(&format!("'{sign}'")))
    }

    fn unexpected(&self, expected: &str) -> Problem {
        let at = self.at();
        let end = self.tokens.get(self.next + 1).map_or(self.source.len(), |(at, _)| *at);
        let shown = match self.peek() {
            Token::End => "<EOF>",
            _ => self.source[at..end].trim_end(),
        };
        Problem { at, message: format!("Syntax error: mismatched input '{shown}' expecting {expected}") }
    }

    fn ternary(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem { at: self.at(), message: "expression recursion limit exceeded".to_owned() });
        }
        let condition = self.binary(0)?;
        let expr = match self.take("?") {
            None => condition,
            Some(at) => {
                let yes = self.binary(0)?;
                self.expect(":")?;
                let no = self.ternary()?;
                call(at, "_?_:_", vec![condition, yes, no])
            }
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// Parses operators by precedence, the loosest first; all associate to the left.
    fn binary(&mut self, level: usize) -> Parsed {
        const LEVELS: [&[(&str, &str)]; 5] = [
            &[("||", "_||_")],
            &[("&&", "_&&_")],
            &[
                ("==", "_==_"),
                ("!=", "_!=_"),
                ("<=", "_<=_"),
                (">=", "_>=_"),
                ("<", "_<_"),
                (">", "_>_"),
                ("in", "@in"),
            ],
            &[("+", "_+_"), ("-", "_-_")],
            &[("*", "_*_"), ("/", "_/_"), ("%", "_%_")],
        ];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some((sign, function)) = operators.iter().find(|(sign, _)| self.is(sign)) {
            let at = self.expect(sign)?;
            let right = self.binary(level + 1)?;
            left = call(at, function, vec![left, right]);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        for (sign, function) in [("!", "!_"), ("-", "-_")] {
            let Some(at) = self.take(sign) else { continue };
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(Problem { at, message: "expression recursion limit exceeded".to_owned() });
            }
            if sign == "-"
                && let Some(literal) = self.negative()
            {
                self.depth -= 1;
                return self.members(Expr { at, node: Node::Literal(literal) });
            }
            let operand = self.unary()?;
            self.depth -= 1;
            return Ok(call(at, function, vec![operand]));
        }
        let primary = self.primary()?;
        self.members(primary)
    }

    fn negative(&mut self) -> Option<Literal> {
        let literal = match self.peek() {
            Token::Literal(Literal::Int(value)) => Literal::Int(-value),
            Token::Literal(Literal::Double(value)) => Literal::Double(-value),
            Token::Ident(name) if name == "9223372036854775808" => Literal::Int(i64::MIN),
            _ => return None,
        };
        self.next += 1;
        Some(literal)
    }

    fn members(&mut self, mut expr: Expr) -> Parsed {
        loop {
            if let Some(at) = self.take(".") {
                let optional = self.take("?").is_some();
                let field = self.name()?;
                expr = match self.take("(").filter(|_| !optional) {
                    None => Expr { at, node: Node::Select { operand: Box::new(expr), field, optional } },
                    Some(at) => {
                        let args = self.arguments(")")?;
                        Expr { at, node: Node::Call { function: field, target: Some(Box::new(expr)), args } }
                    }
                };
            } else if let Some(at) = self.take("[") {
                let function = if self.take("?").is_some() { "_[?_]" } else { "_[_]" };
                let index = self.ternary()?;
                self.expect("]")?;
                expr = call(at, function, vec![expr, index]);
            } else {
                return Ok(expr);
            }
        }
    }

    fn name(&mut self) -> Result<String, Problem> {
        let Token::Ident(name) = self.peek() else { return Err(self.unexpected("IDENTIFIER")) };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    fn arguments(&mut self, end: &str) -> Result<Vec<Expr>, Problem> {
        let mut args = Vec::new();
        while self.take(end).is_none() {
            args.push(self.ternary()?);
            if self.take(",").is_none() {
                self.expect(end)?;
                break;
            }
        }
        Ok(args)
    }

    fn primary(&mut self) -> Parsed {
        const EXPECTED: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, \
                                BYTES, IDENTIFIER}";
        let at = self.at();
        match self.peek().clone() {
            Token::Literal(literal) => {
                self.next += 1;
                Ok(Expr { at, node: Node::Literal(literal) })
            }
            Token::Ident(name) if name.starts_with(|char: char| char.is_ascii_digit()) => {
                Err(Problem { at, message: "invalid int literal".to_owned() })
            }
            Token::Ident(name) => {
                self.next += 1;
                match self.take("(") {
                    None => Ok(Expr { at, node: Node::Ident(name) }),
                    Some(at) => {
                        let args = self.arguments(")")?;
                        Ok(Expr { at, node: Node::Call { function: name, target: None, args } })
                    }
                }
            }
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.ternary()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => self.list(at),
            Token::Sign("{") => self.map(at),
            Token::Sign(".") => {
                self.next += 1;
                self.primary()
            }
            Token::Sign(_) | Token::End => Err(self.unexpected(EXPECTED)),
        }
    }

    fn list(&mut self, at: usize) -> Parsed {
        self.next += 1;
        let mut items = Vec::new();
        while self.take("]").is_none() {
            let optional = self.take("?").is_some();
            items.push((self.ternary()?, optional));
            if self.take(",").is_none() {
                self.expect("]")?;
                break;
            }
        }
        Ok(Expr { at, node: Node::List(items) })
    }

    fn map(&mut self, at: usize) -> Parsed {
        self.next += 1;
        let mut entries = Vec::new();
        while self.take("}").is_none() {
            let optional = self.take("?").is_some();
            let key = self.ternary()?;
            self.expect(":")?;
            entries.push((key, self.ternary()?, optional));
            if self.take(",").is_none() {
                self.expect("}")?;
                break;
            }
        }
        Ok(Expr { at, node: Node::Map(entries) })
    }
}

fn call(at: usize, function: &str, args: Vec<Expr>) -> Expr {
    Expr { at, node: Node::Call { function: function.to_owned(), target: None, args } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(source: &str, at: usize, start: &str) {
        let problem = parse(source).expect_err("it is wrong");
        assert_eq!(problem.at, at);
        assert!(problem.message.starts_with(start), "{}", problem.message);
    }

    #[test]
    fn errors_say_where() {
        check_error("self.a ==", 9, "Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(',");
        check_error("self.`a`", 5, "unsupported syntax: '`'");
        check_error("a b", 2, "Syntax error: mismatched input 'b' expecting <EOF>");
        check_error("'a", 0, "Syntax error: token recognition error");
        check_error(&"(".repeat(1000), 128, "expression recursion limit exceeded");
        check_error(&"!".repeat(1000), 127, "expression recursion limit exceeded");
    }

    #[test]
    fn operators_bind_as_specified() {
        let texts = [
            ("1 + 2 * 3", "_+_"),
            ("a || b && c", "_||_"),
            ("-a.b", "-_"),
            ("a ? b : c ? d : e", "_?_:_"),
            ("!a == b", "_==_"),
        ];
        for (source, outermost) in texts {
            match parse(source).expect("it is right").node {
                Node::Call { function, .. } => assert_eq!(function, outermost, "{source}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn literals_are_read() {
        let texts = [
            ("'''a'b'''", Literal::String("a'b".into())),
            (r"r'\d'", Literal::String(r"\d".into())),
            (r"'\u00e9\x41\n'", Literal::String("éA\n".into())),
            (r"b'\xff'", Literal::Bytes(vec![255].into())),
            ("-9223372036854775808", Literal::Int(i64::MIN)),
            ("0x1F", Literal::Int(31)),
            ("1e3", Literal::Double(1000.0)),
            ("7u", Literal::Uint(7)),
        ];
        for (source, literal) in texts {
            assert_eq!(parse(source).expect("it is right").node, Node::Literal(literal), "{source}");
        }
    }
}
