//! What is wrong with a text that is no JSON, in Go's words.
//!
//! Clients show these texts, and tests match them. The text is only scanned; no value is made.
//!
//! Source: Go's `encoding/json/scanner.go`.

/// Returns Go's error text, or `None` when the text is well-formed JSON.
pub(super) fn error(text: &[u8]) -> Option<String> {
    let mut scanner = Scanner { text, position: 0 };
    scanner.skip_white_space();
    scanner.document().err()
}

struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
}

type Scan = Result<(), String>;

/// What a list or object that is still open may end with.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    List,
    Object,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.position += 1;
        }
    }

    fn expected(&self, context: &str) -> String {
        match self.peek() {
            None => "unexpected end of JSON input".to_owned(),
            Some(byte) => format!("invalid character {} {context}", quote(byte)),
        }
    }

    /// Scans the whole text. Lists and objects are kept on a stack of their own, so depth costs no call frames.
    fn document(&mut self) -> Scan {
        let mut open: Vec<Open> = Vec::new();
        loop {
            if self.value_start(&mut open)? {
                continue;
            }
            loop {
                self.skip_white_space();
                let Some(innermost) = open.last().copied() else {
                    return match self.peek() {
                        None => Ok(()),
                        Some(_) => Err(self.expected("after top-level value")),
                    };
                };
                match (innermost, self.peek()) {
                    (_, Some(b',')) => {
                        self.position += 1;
                        self.skip_white_space();
                        if innermost == Open::Object {
                            self.key("looking for beginning of object key string")?;
                        }
                        break;
                    }
                    (Open::List, Some(b']')) | (Open::Object, Some(b'}')) => {
                        self.position += 1;
                        open.pop();
                    }
                    (Open::List, _) => return Err(self.expected("after array element")),
                    (Open::Object, _) => return Err(self.expected("after object key:value pair")),
                }
            }
        }
    }

    /// Scans a scalar, or opens a list or an object. Returns whether the next thing is a value inside.
    fn value_start(&mut self, open: &mut Vec<Open>) -> Result<bool, String> {
        self.skip_white_space();
        match self.peek() {
            Some(b'{') => {
                self.position += 1;
                self.skip_white_space();
                if self.peek() == Some(b'}') {
                    self.position += 1;
                    return Ok(false);
                }
                open.push(Open::Object);
                self.key("looking for beginning of object key string")?;
                Ok(true)
            }
            Some(b'[') => {
                self.position += 1;
                self.skip_white_space();
                if self.peek() == Some(b']') {
                    self.position += 1;
                    return Ok(false);
                }
                open.push(Open::List);
                Ok(true)
            }
            Some(b'"') => self.string().map(|()| false),
            Some(b't') => self.literal("true").map(|()| false),
            Some(b'f') => self.literal("false").map(|()| false),
            Some(b'n') => self.literal("null").map(|()| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            _ => Err(self.expected("looking for beginning of value")),
        }
    }

    fn key(&mut self, context: &str) -> Scan {
        if self.peek() != Some(b'"') {
            return Err(self.expected(context));
        }
        self.string()?;
        self.skip_white_space();
        if self.peek() != Some(b':') {
            return Err(self.expected("after object key"));
        }
        self.position += 1;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Scan {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                return Err(self.expected(&format!("in literal {word} (expecting {})", quote(expected))));
            }
            self.position += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Scan {
        self.position += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.position += 1;
                    self.escape()?;
                }
                Some(byte) if byte >= 0x20 => self.position += 1,
                _ => return Err(self.expected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Scan {
        match self.peek() {
            Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => self.position += 1,
            Some(b'u') => {
                self.position += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.expected("in \\u hexadecimal character escape"));
                    }
                    self.position += 1;
                }
            }
            _ => return Err(self.expected("in string escape code")),
        }
        Ok(())
    }

    fn digits(&mut self, context: &str) -> Scan {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.expected(context));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Scan {
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        match self.peek() {
            Some(b'0') => self.position += 1,
            _ => self.digits("in numeric literal")?,
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }
}

/// Quotes a byte as Go does.
fn quote(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        0x20..=0x7e => format!("'{}'", char::from(byte)),
        0x00..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        // Go takes the byte for a character, and shows those that can be printed.
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(error(text.as_bytes()).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn errors_read_as_gos() {
        check("", "unexpected end of JSON input");
        check("nonsense", "invalid character 'o' in literal null (expecting 'u')");
        check(r#"{"a":{"b":1},"#, "unexpected end of JSON input");
        check("{a:1}", "invalid character 'a' looking for beginning of object key string");
        check(r#"{"a" 1}"#, "invalid character '1' after object key");
        check(r#"{"a":1 "b":2}"#, "invalid character '\"' after object key:value pair");
        check(r#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string");
        check("[1 2]", "invalid character '2' after array element");
        check("[1,]", "invalid character ']' looking for beginning of value");
        check("{} x", "invalid character 'x' after top-level value");
        check("01", "invalid character '1' after top-level value");
        check("1.x", "invalid character 'x' after decimal point in numeric literal");
        check("\"a\nb\"", "invalid character '\\n' in string literal");
        check(r#""\q""#, "invalid character 'q' in string escape code");
        check("\u{81}", "invalid character 'Â' looking for beginning of value");
    }

    #[test]
    fn json_is_not_an_error() {
        for text in ["{}", "[]", " [1, -2.5e+3, \"\\u00e4\", {\"a\": [true, false, null]}] ", "0"] {
            assert_eq!(error(text.as_bytes()), None, "{text}");
        }
    }
}
