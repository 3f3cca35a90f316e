//! Recognises a missing permission in an operator's log, and says which rule to add.

use std::sync::LazyLock;

use regex::Regex;

/// The text of a refusal, as the API server's authorizer writes it.
static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"cannot (?<verb>[a-z]+) resource \\?"(?<resource>[a-z0-9./-]+)\\?" in API group \\?"(?<group>[a-z0-9.-]*)\\?""#;
    Regex::new(text).expect("the expression is a constant that a test compiles")
});

/// The controller that a log line speaks of.
static CONTROLLER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"controller"?[=:]\s*"?(?<name>[a-z0-9-]+)"#)
        .expect("the expression is a constant that a test compiles")
});

/// Something that the operator's role does not allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// The verb, such as `patch`.
    pub verb: String,
    /// The plural name of the resource, with its subresource: `pods/log`.
    pub resource: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The name of the controller, if the line tells: `my-app`.
    pub controller: Option<String>,
}

impl Denial {
    /// Finds the refusal in a log line, if there is one.
    pub fn in_line(line: &str) -> Option<Self> {
        let line = without_colors(line);
        let found = REFUSAL.captures(&line)?;
        let controller = CONTROLLER.captures(&line).map(|found| found["name"].to_owned());
        let (verb, resource) = (found["verb"].to_owned(), found["resource"].to_owned());
        Some(Self { verb, resource, group: found["group"].to_owned(), controller })
    }

    /// Returns the Rust text of the rule to add to the controller's `rules()`.
    pub fn rule(&self) -> String {
        let Self { verb, resource, group, .. } = self;
        format!(
            "PolicyRule {{ api_groups: Some(vec![\"{group}\".into()]), resources: Some(vec![\"{resource}\".into()]), \
             verbs: vec![\"{verb}\".into()], ..Default::default() }}"
        )
    }

    /// Returns the file to add it to, below the project: that of the controller, also if it is the only one and the line
    /// does not name it; else the folder of all of them.
    pub fn file<'a>(&self, controllers: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let controllers: Vec<_> = controllers.into_iter().collect();
        let file = match (&self.controller, controllers.as_slice()) {
            (Some(named), all) => all.iter().find(|(name, _)| name == named).map(|(_, file)| *file),
            (None, [(_, only)]) => Some(*only),
            (None, _) => None,
        };
        file.unwrap_or("src/controllers/").to_owned()
    }
}

/// Removes terminal escapes: colored logs put them between a name and its value.
fn without_colors(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_in_text_json_and_color() {
        let denial = Denial {
            verb: "patch".to_owned(),
            resource: "configmaps".to_owned(),
            group: String::new(),
            controller: Some("my-app".to_owned()),
        };
        for line in [
            r#"WARN reconcile{controller="my-app" name="web"}: failed error=configmaps "web" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "configmaps" in API group "" in the namespace "default""#,
            "WARN reconcile{\u{1b}[3mcontroller\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"my-app\"}: User \"x\" cannot patch resource \"configmaps\" in API group \"\"",
            r#"{"fields":{"error":"User \"x\" cannot patch resource \"configmaps\" in API group \"\""},"span":{"controller":"my-app"}}"#,
        ] {
            assert_eq!(Denial::in_line(line), Some(denial.clone()), "{line}");
        }
        assert_eq!(Denial::in_line("INFO reconcile: done"), None);
        assert_eq!(
            denial.file([("cache", "a.rs"), ("my-app", "src/controllers/my_app.rs")]),
            "src/controllers/my_app.rs"
        );
        assert_eq!(denial.file([("cache", "a.rs")]), "src/controllers/");
        let of_nobody = Denial { controller: None, ..denial };
        assert_eq!(of_nobody.file([("cache", "a.rs")]), "a.rs", "there is no other");
        assert_eq!(of_nobody.file([("cache", "a.rs"), ("my-app", "b.rs")]), "src/controllers/");
    }
}
