//! Kinds.

use heck::{ToKebabCase, ToSnakeCase, ToUpperCamelCase};

use super::dns::{MAX_LABEL, describe};
use super::reserved::{is_reserved_type, module_name};
use super::{NameError, name_type};

name_type! {
    /// A kind in CamelCase, such as `MyApp`: also the name of a Rust type that generated code does not use otherwise.
    Kind
}

impl Kind {
    /// Parses a kind.
    ///
    /// The API server asks for a DNS-1035 label in lower case; Rust asks for a type name, which has no hyphens.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |reason: String| {
            let words = "pass a name in CamelCase, such as `--kind MyApp`";
            NameError::new("kind", "--kind", text, reason).suggest(nearest_kind(text)).or_words(words)
        };
        check_shape(text).map_err(error)?;
        if is_reserved_type(text) {
            let reason = "is a name that the generated code uses for something else".to_owned();
            let more = Some(format!("{text}Resource")).filter(|near| check_shape(near).is_ok());
            return Err(NameError::new("kind", "--kind", text, reason).suggest(more));
        }
        if text.ends_with("List") {
            let reason = "ends in `List`, which is the kind of a list of something else".to_owned();
            return Err(
                NameError::new("kind", "--kind", text, reason).or_words("pass a name that does not end in `List`")
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns `my_app`.
    pub fn snake(&self) -> String {
        self.0.to_snake_case()
    }

    /// Returns `my-app`.
    pub fn kebab(&self) -> String {
        self.0.to_kebab_case()
    }

    /// Returns `myapp`, which is also the singular.
    pub fn lower(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Returns the module of the kind: [`snake`](Self::snake) unless Rust or the project has another use for the word.
    pub fn module(&self) -> String {
        module_name(&self.snake())
    }
}

impl Kind {
    /// Returns the Rust types that generated code defines for the kind.
    pub(crate) fn type_names(&self) -> [String; 4] {
        ["", "Spec", "Status", "List"].map(|suffix| format!("{}{suffix}", self.0))
    }
}

fn check_shape(text: &str) -> Result<(), String> {
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric()) {
        return Err(format!("must be letters and digits in CamelCase; it has {}", describe(bad)));
    }
    if !text.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Err("must start with an upper-case letter".to_owned());
    }
    match text.len() {
        length if length > MAX_LABEL => Err(format!("is {length} characters long; at most {MAX_LABEL} are allowed")),
        _ => Ok(()),
    }
}

/// Returns the kind that was probably meant, if it would be accepted.
fn nearest_kind(text: &str) -> Option<String> {
    let first_raised = text.get(..1).map(|first| first.to_ascii_uppercase() + &text[1..]);
    let candidates = [first_raised, Some(text.to_upper_camel_case())];
    candidates.into_iter().flatten().find(|near| Kind::is_valid(near))
}

impl Kind {
    fn is_valid(text: &str) -> bool {
        check_shape(text).is_ok() && !is_reserved_type(text) && !text.ends_with("List")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_kind_comes_with_the_one_that_was_meant() {
        #[track_caller]
        fn check(text: &str, message: &str, help: &str) {
            let error = Kind::parse(text).expect_err("refused");
            assert_eq!((error.to_string().as_str(), error.help().as_deref()), (message, Some(help)));
        }
        check("foo", "kind `foo` must start with an upper-case letter", "pass `--kind Foo`");
        check("myApp", "kind `myApp` must start with an upper-case letter", "pass `--kind MyApp`");
        check("My-App", "kind `My-App` must be letters and digits in CamelCase; it has `-`", "pass `--kind MyApp`");
        check("my_app", "kind `my_app` must be letters and digits in CamelCase; it has `_`", "pass `--kind MyApp`");
        let used = "is a name that the generated code uses for something else";
        check("Option", &format!("kind `Option` {used}"), "pass `--kind OptionResource`");
        check("Self", &format!("kind `Self` {used}"), "pass `--kind SelfResource`");
    }

    #[test]
    fn everything_that_generated_code_names_is_refused() {
        for text in ["Option", "Result", "Context", "Status", "Condition", "Self", "Deployment", "Service", "Vec"] {
            assert!(Kind::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_module_never_is_a_keyword() {
        #[track_caller]
        fn check(kind: &str, module: &str) {
            assert_eq!(Kind::parse(kind).expect("valid").module(), module);
        }
        check("MyApp", "my_app");
        check("Match", "match_");
        check("Type", "type_");
        check("Testing", "testing_");
        check("HTTPRoute", "http_route");
    }
}
