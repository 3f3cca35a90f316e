//! Whose a generated file is.

/// What the first line of a file that rop keeps says, behind the comment sign of its language.
pub const MARKER: &str = "Managed by rop from PROJECT: do not edit";

/// Who writes a file after it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// rop: the file follows from `PROJECT` alone and is rewritten with it.
    Managed,
    /// `rop generate`: the file follows from the Rust code; an API added later is merged into it.
    Generated,
    /// The user: the file is created once and afterwards at most merged.
    Yours,
}

/// Lists of what there is; everything else is somebody's work.
const MANAGED: &[&str] =
    &["config/crd/kustomization.yaml", "config/samples/kustomization.yaml", "tests/integration/main.rs"];

const GENERATED: &[&str] = &["config/rbac/role.yaml"];

/// Returns whose the file at `path` is.
pub fn ownership(path: &str) -> Ownership {
    let list_of_modules = |root: &str| path.starts_with(root) && path.ends_with("/mod.rs");
    if MANAGED.contains(&path) || list_of_modules("src/api/") || list_of_modules("src/controllers/") {
        return Ownership::Managed;
    }
    if GENERATED.contains(&path) || path.starts_with("config/crd/bases/") {
        return Ownership::Generated;
    }
    Ownership::Yours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_kept_by_rop_and_logic_is_yours() {
        #[track_caller]
        fn check(path: &str, expected: Ownership) {
            assert_eq!(ownership(path), expected);
        }
        check("src/api/mod.rs", Ownership::Managed);
        check("src/api/app/v1alpha1/mod.rs", Ownership::Managed);
        check("src/controllers/app/mod.rs", Ownership::Managed);
        check("src/runtime/mod.rs", Ownership::Yours);
        check("src/controllers/my_app.rs", Ownership::Yours);
        check("config/crd/bases/example.com_myapps.yaml", Ownership::Generated);
        check("config/rbac/role.yaml", Ownership::Generated);
        check("Cargo.toml", Ownership::Yours);
    }
}
