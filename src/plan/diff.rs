//! Unified diffs of what a plan would change.

use similar::TextDiff;

/// Returns the unified diff of a file, as `git diff` prints it; an absent side means that the file does not exist there.
pub fn unified_diff(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> String {
    let name = |side: &str, present: bool| if present { format!("{side}/{path}") } else { "/dev/null".to_owned() };
    let (old_name, new_name) = (name("a", before.is_some()), name("b", after.is_some()));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let (Ok(before), Ok(after)) = (std::str::from_utf8(before), std::str::from_utf8(after)) else {
        return format!("Binary files {old_name} and {new_name} differ\n");
    };
    let diff = TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(3).header(&old_name, &new_name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_comes_from_nowhere() {
        let expected = "--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n";
        assert_eq!(unified_diff("x", None, Some(b"a\nb\n")), expected);
    }

    #[test]
    fn a_change_shows_what_is_around_it() {
        let expected = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";
        assert_eq!(unified_diff("x", Some(b"a\nb\nc\n"), Some(b"a\nB\nc\n")), expected);
    }

    #[test]
    fn what_is_no_text_is_not_shown() {
        assert_eq!(unified_diff("x", Some(b"\xff"), Some(b"a")), "Binary files a/x and b/x differ\n");
    }
}
