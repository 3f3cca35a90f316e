//! The words of CEL: text to tokens.

use super::syntax::{Literal, Problem};

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Ident(String),
    Literal(Literal),
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-", "*", "/", "%", "<",
    ">", "!", "=", "|",
];

pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// Returns the tokens and where they stand; the last is [`Token::End`].
    pub(super) fn tokens(mut self) -> Result<Vec<(usize, Token)>, Problem> {
        let mut tokens = Vec::new();
        loop {
            self.skip_blank();
            let at = self.at;
            let token = self.token()?;
            let is_end = token == Token::End;
            tokens.push((at, token));
            if is_end {
                return Ok(tokens);
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn token(&mut self) -> Result<Token, Problem> {
        let rest = self.rest();
        let Some(char) = rest.chars().next() else { return Ok(Token::End) };
        if char.is_ascii_digit() || char == '.' && rest[1..].starts_with(|char: char| char.is_ascii_digit()) {
            return self.number();
        }
        if let Some(token) = self.text()? {
            return Ok(token);
        }
        if char.is_ascii_alphabetic() || char == '_' {
            let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
            self.at += end;
            return Ok(match &rest[..end] {
                "true" => Token::Literal(Literal::Bool(true)),
                "false" => Token::Literal(Literal::Bool(false)),
                "null" => Token::Literal(Literal::Null),
                "in" => Token::Sign("in"),
                name => Token::Ident(name.to_owned()),
            });
        }
        if char == '`' {
            return Err(Problem { at: self.at, message: "unsupported syntax: '`'".to_owned() });
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => {
                let message = format!("Syntax error: token recognition error at: '{char}'");
                Err(Problem { at: self.at, message })
            }
        }
    }

    fn number(&mut self) -> Result<Token, Problem> {
        let (at, rest) = (self.at, self.rest());
        let invalid = |message: &str| Problem { at, message: message.to_owned() };
        if let Some(hex) = rest.strip_prefix("0x").or(rest.strip_prefix("0X")) {
            let end = hex.find(|char: char| !char.is_ascii_hexdigit()).unwrap_or(hex.len());
            self.at += 2 + end;
            if hex[end..].starts_with(['u', 'U']) {
                self.at += 1;
                let value = u64::from_str_radix(&hex[..end], 16).map_err(|_| invalid("invalid uint literal"))?;
                return Ok(Token::Literal(Literal::Uint(value)));
            }
            let value = i64::from_str_radix(&hex[..end], 16).map_err(|_| invalid("invalid int literal"))?;
            return Ok(Token::Literal(Literal::Int(value)));
        }
        let digits = |text: &str| text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let mut end = digits(rest);
        let mut is_double = false;
        if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|char: char| char.is_ascii_digit()) {
            end += 1 + digits(&rest[end + 1..]);
            is_double = true;
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let exponent = digits(&rest[end + 1 + sign..]);
            if exponent > 0 {
                end += 1 + sign + exponent;
                is_double = true;
            }
        }
        self.at += end;
        if is_double {
            return rest[..end]
                .parse()
                .map(|value| Token::Literal(Literal::Double(value)))
                .map_err(|_| invalid("invalid double literal"));
        }
        if rest[end..].starts_with(['u', 'U']) {
            self.at += 1;
            return rest[..end]
                .parse()
                .map(|value| Token::Literal(Literal::Uint(value)))
                .map_err(|_| invalid("invalid uint literal"));
        }
        match rest[..end].parse::<i64>() {
            Ok(value) => Ok(Token::Literal(Literal::Int(value))),
            // The parser turns `-9223372036854775808` into one literal.
            Err(_) if &rest[..end] == "9223372036854775808" => Ok(Token::Ident("9223372036854775808".to_owned())),
            Err(_) => Err(invalid("invalid int literal")),
        }
    }

    fn text(&mut self) -> Result<Option<Token>, Problem> {
        let (start, rest) = (self.at, self.rest());
        let prefix_len = rest.find(['"', '\'']).filter(|len| *len <= 2);
        let Some(prefix) = prefix_len.map(|len| rest[..len].to_ascii_lowercase()) else { return Ok(None) };
        if !["", "r", "b", "rb", "br"].contains(&prefix.as_str()) {
            return Ok(None);
        }
        let (raw, bytes) = (prefix.contains('r'), prefix.contains('b'));
        let body = &rest[prefix.len()..];
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| body.starts_with(quote)).unwrap_or("\"");
        let mut out = Vec::new();
        let mut at = quote.len();
        loop {
            let tail = &body[at..];
            let unterminated =
                || Problem { at: start, message: format!("Syntax error: token recognition error at: '{rest}'") };
            let Some(char) = tail.chars().next() else { return Err(unterminated()) };
            if tail.starts_with(quote) {
                self.at += prefix.len() + at + quote.len();
                break;
            }
            if quote.len() == 1 && (char == '\n' || char == '\r') {
                return Err(unterminated());
            }
            if char == '\\' && !raw {
                at += 1 + escape(&tail[1..], bytes, &mut out)
                    .ok_or_else(|| Problem { at: start, message: "invalid escape sequence".to_owned() })?;
            } else {
                out.extend_from_slice(&tail.as_bytes()[..char.len_utf8()]);
                at += char.len_utf8();
            }
        }
        if bytes {
            return Ok(Some(Token::Literal(Literal::Bytes(out.into()))));
        }
        let text =
            String::from_utf8(out).map_err(|_| Problem { at: start, message: "invalid string literal".to_owned() })?;
        Ok(Some(Token::Literal(Literal::String(text.into()))))
    }
}

/// Writes what an escape sequence stands for, and returns its length after the backslash.
fn escape(text: &str, bytes: bool, out: &mut Vec<u8>) -> Option<usize> {
    let char = text.chars().next()?;
    let simple = match char {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '\'' | '"' | '`' | '?' => char as u8,
        _ => 0,
    };
    if simple != 0 {
        out.push(simple);
        return Some(1);
    }
    let (skip, len, radix) = match char {
        'x' | 'X' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='3' => (0, 3, 8),
        _ => return None,
    };
    let code = u32::from_str_radix(text.get(skip..skip + len)?, radix).ok()?;
    if bytes && !matches!(char, 'u' | 'U') {
        out.push(u8::try_from(code).ok()?);
    } else {
        out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(skip + len)
}
