//! Free text that ends up in generated files: who owns a project, under which license, where it lives.

use super::dns::describe;
use super::{NameError, name_type};

name_type! {
    /// Who owns the copyright, such as `The Shop Authors <hello@example.com>`.
    Owner
}

impl Owner {
    /// Parses an owner: one line of letters of any script, digits, spaces and a little punctuation, but nothing that
    /// quotes, comments or expands in a shell, TOML, YAML or Make.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_alphanumeric() || " .,-_&()<>@+".contains(c);
        let error = |reason: String| {
            NameError::new("owner", "--owner", text, reason)
                .or_words("pass a plain name, such as `--owner 'The Shop Authors'`")
        };
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(error(format!(
                "must be letters, digits, spaces and `. , - _ & ( ) < > @ +`; it has {}",
                describe(bad)
            )));
        }
        if text.trim() != text || text.is_empty() {
            return Err(error("must not start or end with a space".to_owned()));
        }
        if text.chars().count() > 128 {
            return Err(error("is longer than 128 characters".to_owned()));
        }
        if !text.starts_with(char::is_alphanumeric) {
            return Err(error("must start with a letter or a digit".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

name_type! {
    /// A license as an SPDX expression, such as `Apache-2.0`.
    License
}

impl License {
    /// Returns the license that generated projects have unless told otherwise.
    pub fn apache2() -> Self {
        Self("Apache-2.0".to_owned())
    }

    /// Parses an SPDX expression, or kubebuilder's `apache2`. The word `none` is the caller's to handle.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == "apache2" {
            return Ok(Self::apache2());
        }
        let identifier = |word: &str| {
            let inner = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b));
            inner && word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.len() <= 64
        };
        let words: Vec<&str> = text.split(' ').collect();
        let fits = |(index, word): (usize, &&str)| match index % 2 {
            0 => identifier(word) && word.len() > 1,
            _ => ["AND", "OR", "WITH"].contains(word),
        };
        if words.len() % 2 == 1 && words.len() < 10 && words.iter().enumerate().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        let reason = "must be an SPDX expression, such as `Apache-2.0` or `MIT OR Apache-2.0`, or `none`";
        Err(NameError::new("license", "--license", text, reason).suggest(Some("Apache-2.0".to_owned())))
    }
}

name_type! {
    /// The address of a source repository, such as `https://github.com/acme/shop`.
    Repository
}

impl Repository {
    /// Parses an address; one without a scheme, such as a Go module path, gets `https://`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let inner = address.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/:@%+".contains(&b));
        let host = address
            .strip_prefix("https://")
            .or_else(|| address.strip_prefix("http://"))
            .or_else(|| address.strip_prefix("ssh://"));
        let has_path = |rest: &str| {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            host.starts_with(|c: char| c.is_ascii_alphanumeric())
                && host.contains(['.', ':'])
                && !path.is_empty()
                && !path.split('/').any(|part| part == "..")
        };
        if inner && host.is_some_and(has_path) && address.len() <= 255 {
            return Ok(Self(address));
        }
        let reason = "must be the address of a repository";
        let words = "pass an address such as `--repo https://github.com/acme/shop`";
        Err(NameError::new("repository", "--repo", text, reason).or_words(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_are_spdx_expressions() {
        for text in ["Apache-2.0", "MIT OR Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"] {
            assert_eq!(License::parse(text).expect("valid").as_str(), text);
        }
        assert_eq!(License::parse("apache2").expect("valid").as_str(), "Apache-2.0");
        assert!(License::parse("MIT Apache-2.0").is_err());
    }

    #[test]
    fn a_module_path_of_go_is_an_address() {
        let address = Repository::parse("github.com/acme/shop").expect("valid");
        assert_eq!(address.as_str(), "https://github.com/acme/shop");
        assert!(Repository::parse("shop").is_err());
    }

    #[test]
    fn owners_are_written_as_they_are() {
        for text in ["The Shop Authors", "Zoë Łukasiewicz <zoe@example.com>", "Acme, Inc. & Sons (EU)"] {
            assert_eq!(Owner::parse(text).expect("valid").as_str(), text);
        }
    }
}
