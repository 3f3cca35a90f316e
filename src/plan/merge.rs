//! Carrying a change into a file that its user has edited.
//!
//! First a three-way merge. Where that finds both sides at the same spot, lines that were only added are put behind the
//! line that they follow, or before the line that they precede, if that line is there exactly once. On any doubt nothing is
//! guessed: the lines and their place are returned, to be shown.

use similar::{DiffTag, TextDiff};

/// Lines that belong into a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The lines, each with its newline.
    pub lines: String,
    /// The line that they follow.
    pub behind: Option<String>,
}

/// Returns `ours` with the difference from `base` to `theirs`, or the lines that found no place.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Result<String, Vec<Fragment>> {
    if base == theirs || ours == theirs {
        return Ok(ours.to_owned());
    }
    if ours == base {
        return Ok(theirs.to_owned());
    }
    let lines: Vec<&str> = ours.split_inclusive('\n').collect();
    if blocks(base, theirs).iter().all(|block| !block.removes_lines && block.is_in(&lines)) {
        return Ok(ours.to_owned());
    }
    diffy::merge(base, ours, theirs).or_else(|_| insert_anchored(base, ours, theirs))
}

fn insert_anchored(base: &str, ours: &str, theirs: &str) -> Result<String, Vec<Fragment>> {
    let mut lines: Vec<&str> = ours.split_inclusive('\n').collect();
    let mut homeless = Vec::new();
    for block in blocks(base, theirs) {
        if block.removes_lines || !block.insert_into(&mut lines) {
            homeless.push(Fragment {
                lines: block.lines.concat(),
                behind: block.behind.map(|line| line.trim_end().to_owned()),
            });
        }
    }
    if homeless.is_empty() { Ok(lines.concat()) } else { Err(homeless) }
}

/// A run of lines that one side has more than the other.
struct Block<'a> {
    lines: Vec<&'a str>,
    behind: Option<&'a str>,
    before: Option<&'a str>,
    removes_lines: bool,
}

fn blocks<'a>(base: &'a str, theirs: &'a str) -> Vec<Block<'a>> {
    let lines: Vec<&str> = theirs.split_inclusive('\n').collect();
    let diff = TextDiff::from_lines(base, theirs);
    let changes = diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal);
    let block = |range: std::ops::Range<usize>, tag| Block {
        behind: range.start.checked_sub(1).and_then(|index| lines.get(index).copied()),
        before: lines.get(range.end).copied(),
        lines: lines.get(range).unwrap_or_default().to_vec(),
        removes_lines: tag != DiffTag::Insert,
    };
    changes.map(|op| block(op.new_range(), op.tag())).collect()
}

impl<'a> Block<'a> {
    /// Puts the lines in their place; tells whether there is exactly one.
    fn insert_into(&self, lines: &mut Vec<&'a str>) -> bool {
        if self.is_in(lines) {
            return true;
        }
        let at = match (self.behind.and_then(|line| only(lines, line)), self.before.and_then(|line| only(lines, line)))
        {
            (Some(index), _) => index + 1,
            (None, Some(index)) => index,
            (None, None) => return false,
        };
        lines.splice(at..at, self.lines.iter().copied());
        true
    }

    /// Tells whether the lines are in their place already, so that merging twice is merging once.
    fn is_in(&self, lines: &[&str]) -> bool {
        let count = self.lines.len();
        let below = self.behind.and_then(|line| only(lines, line)).map(|anchor| anchor + 1..anchor + 1 + count);
        let above = self.before.and_then(|line| only(lines, line));
        let above = above.and_then(|anchor| Some(anchor.checked_sub(count)?..anchor));
        let holds = |range| lines.get(range).is_some_and(|there| *there == self.lines);
        below.is_some_and(holds) || above.is_some_and(holds)
    }
}

/// Returns the index of a line that says something and is there exactly once.
fn only(lines: &[&str], line: &str) -> Option<usize> {
    if !line.contains(char::is_alphanumeric) {
        return None;
    }
    let mut found = lines.iter().enumerate().filter(|(_, other)| **other == line);
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "one\ntwo\nthree\nfour\n";
    const THEIRS: &str = "one\ntwo\nNEW\nthree\nfour\n";

    #[track_caller]
    fn check(ours: &str, expected: &str) {
        let merged = merge(BASE, ours, THEIRS).expect("merged");
        assert_eq!(merged, expected);
        assert_eq!(merge(BASE, &merged, THEIRS).expect("merged again"), merged, "a second merge changed something");
    }

    #[test]
    fn an_added_line_finds_its_place_among_edits() {
        check(BASE, THEIRS);
        check("zero\none\ntwo\nthree\nfour\n", "zero\none\ntwo\nNEW\nthree\nfour\n");
        check("one\ntwo\nMINE\nthree\nfour\n", "one\ntwo\nNEW\nMINE\nthree\nfour\n");
        check("one\nTWO\nthree\nfour\n", "one\nTWO\nNEW\nthree\nfour\n");
        check("one\nthree\nfour\n", "one\nNEW\nthree\nfour\n");
    }

    #[test]
    fn lines_without_a_place_are_returned_and_nothing_is_guessed() {
        let expected = vec![Fragment { lines: "NEW\n".to_owned(), behind: Some("two".to_owned()) }];
        assert_eq!(merge(BASE, "one\nfour\n", THEIRS), Err(expected.clone()));
        assert_eq!(merge(BASE, "two\nx\ntwo\ny\n", THEIRS), Err(expected));
    }

    #[test]
    fn a_changed_line_that_the_user_changed_too_is_in_doubt() {
        assert!(merge("a\nb\nc\n", "a\nMINE\nc\n", "a\nTHEIRS\nc\n").is_err());
    }
}
