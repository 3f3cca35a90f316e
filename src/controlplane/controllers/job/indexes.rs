//! The completion indexes of an indexed Job, written as `0,2-5,9`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::controlplane::object::Object;

/// The label and annotation that hold a pod's index.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Whether a Job numbers its pods.
pub(super) fn is_indexed(job: &Value) -> bool {
    job.text_at(&["spec", "completionMode"]) == "Indexed"
}

/// Returns the index of a pod.
pub(super) fn of(pod: &Value) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok()
}

/// Reads a list of indexes; what is no number is left out.
pub(super) fn parse(text: &str) -> BTreeSet<i64> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
            indexes.extend(first..=last.min(first.saturating_add(1_000_000)));
        }
    }
    indexes
}

/// Writes a list of indexes; three or more in a row become a range, two stand apart.
pub(super) fn format(indexes: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for &index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let texts = ranges.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_read_and_written_alike() {
        for text in ["", "3", "0,1", "0-2", "0,2-5,9,11,12"] {
            assert_eq!(format(&parse(text)), text);
        }
        assert_eq!(parse("x,1-"), BTreeSet::new());
    }
}
