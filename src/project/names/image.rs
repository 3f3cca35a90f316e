//! Image references and ports.

use std::fmt;

use super::{NameError, name_type};

name_type! {
    /// A reference to a container image, `[registry[:port]/]name[:tag][@digest]`.
    ///
    /// Source: `github.com/distribution/reference/regexp.go`.
    ImageRef
}

/// The longest name of an image, registry included.
const MAX_NAME: usize = 255;

impl ImageRef {
    /// Parses a reference.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |reason: &str| {
            let near = Some(text.to_ascii_lowercase()).filter(|near| near != text && check(near).is_ok());
            NameError::new("image", "--image", text, reason)
                .suggest(near)
                .or_words("pass a reference such as `--image registry.example.com:5000/team/app:1.2`")
        };
        check(text).map_err(error)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the last part of the image's name, without registry, tag and digest: `redis` for `docker.io/redis:7`.
    pub fn short_name(&self) -> &str {
        let (name, _) = split(&self.0);
        name.rsplit('/').next().unwrap_or(name)
    }
}

/// Returns the name, and tag and digest where present. A colon behind the last slash starts a tag; before it, a port.
fn split(text: &str) -> (&str, (Option<&str>, Option<&str>)) {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let path_at = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[path_at..].find(':') {
        Some(colon) => (&rest[..path_at + colon], (Some(&rest[path_at + colon + 1..]), digest)),
        None => (rest, (None, digest)),
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    let (name, (tag, digest)) = split(text);
    if name.len() > MAX_NAME {
        return Err("has a name longer than 255 characters");
    }
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if is_registry(first) => (Some(first), path),
        _ => (None, name),
    };
    if !registry.is_none_or(is_host) {
        return Err("has no valid host before its first `/`");
    }
    if !path.split('/').all(is_path_component) {
        return Err("must have a name of lower-case letters and digits, joined by `.`, `_`, `-` and `/`");
    }
    if !tag.is_none_or(is_tag) {
        return Err("has a tag that is not made of letters, digits, `.`, `_` and `-`");
    }
    if !digest.is_none_or(is_digest) {
        return Err("has a digest that is not like `sha256:` and 64 hexadecimal digits");
    }
    Ok(())
}

/// The first part is a registry when it cannot be part of a path.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "5000"));
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(label) && port.len() <= 5 && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Words of letters and digits joined by one dot, one or two underscores, or any number of hyphens.
fn is_path_component(text: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let joint = |text: &str| matches!(text, "." | "_" | "__") || text.bytes().all(|b| b == b'-');
    text.starts_with(word) && text.ends_with(word) && text.split(word).all(joint)
}

fn is_tag(text: &str) -> bool {
    let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    (1..=128).contains(&text.len()) && inner && !text.starts_with(['.', '-'])
}

fn is_digest(text: &str) -> bool {
    let hex = |hex: &str, length: usize| {
        hex.len() == length && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match text.split_once(':') {
        Some(("sha256", digits)) => hex(digits, 64),
        Some(("sha384", digits)) => hex(digits, 96),
        Some(("sha512", digits)) => hex(digits, 128),
        _ => false,
    }
}

/// A TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(u16);

impl Port {
    /// Parses a port: 1 to 65535.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        match text.parse::<u16>() {
            Ok(port) if digits => Ok(Self(port)),
            _ => Err(NameError::new("port", "--port", text, "must be a number from 1 to 65535")
                .or_words("pass a port such as `--port 8080`")),
        }
    }

    /// Returns the number.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_of_every_form_are_accepted() {
        #[track_caller]
        fn check(text: &str, short: &str) {
            assert_eq!(ImageRef::parse(text).expect("valid").short_name(), short);
        }
        check("redis", "redis");
        check("redis:7", "redis");
        check("nginxinc/nginx-unprivileged:1.29", "nginx-unprivileged");
        check("localhost:5000/app", "app");
        check("registry.example.com:5000/team/sub/app_x:1.2-rc.1", "app_x");
        check(&format!("redis@{DIGEST}"), "redis");
        check(&format!("ghcr.io/acme/app:v1@{DIGEST}"), "app");
        check("a__b/c--d.e", "c--d.e");
    }

    #[test]
    fn what_no_registry_would_serve_is_refused() {
        let broken = [
            "Redis",
            "redis:",
            "redis@sha256:12",
            "a//b",
            "/a",
            "a/",
            ".a",
            "a..b",
            "a___b",
            "a.-b",
            "a:b:c",
            "a@b@c",
            "host:99999/a",
            "host:/a",
            "-h.io/a",
        ];
        for text in broken {
            assert!(ImageRef::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            ImageRef::parse("Redis:7").expect_err("refused").help().expect("a remedy"),
            "pass `--image redis:7`"
        );
    }

    #[test]
    fn ports_are_numbers_that_tcp_has() {
        for text in ["1", "80", "65535"] {
            assert!(Port::parse(text).is_ok(), "{text}");
        }
        for text in ["0", "65536", "-1", "+80", "080", "http", "8 0", "1e3"] {
            assert!(Port::parse(text).is_err(), "{text}");
        }
    }
}
