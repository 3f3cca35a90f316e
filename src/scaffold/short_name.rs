//! The short name of a kind, for `kubectl get`.

use std::collections::BTreeSet;

use heck::ToSnakeCase;

use crate::project::{Project, Resource};

/// Short names of the kinds that every cluster has.
const BUILT_IN: &[&str] = &[
    "all", "cj", "cm", "cr", "crd", "crds", "cs", "csr", "deploy", "ds", "ep", "ev", "hpa", "ing", "limits", "netpol",
    "no", "ns", "pc", "pdb", "po", "pv", "pvc", "quota", "rc", "rs", "sa", "sc", "sts", "svc", "vac",
];

/// Proposes a short name: the initials of a kind of several words, the consonants of a longer word; nothing when all
/// of those mean something else already.
pub(super) fn propose(project: &Project, resource: &Resource) -> Option<String> {
    let taken: BTreeSet<String> =
        project.resources().iter().filter(|other| other.kind != resource.kind).flat_map(names).collect();
    let own = [resource.plural.to_string(), resource.kind.lower()];
    let free = |name: &String| !taken.contains(name) && !own.contains(name) && !BUILT_IN.contains(&name.as_str());
    candidates(resource.kind.as_str()).into_iter().find(free)
}

fn names(resource: &Resource) -> Vec<String> {
    let short = resource.short_name.clone();
    [resource.plural.to_string(), resource.kind.lower()].into_iter().chain(short).collect()
}

fn candidates(kind: &str) -> Vec<String> {
    let snake = kind.to_snake_case();
    let words: Vec<&str> = snake.split('_').collect();
    match words.as_slice() {
        [word] if word.len() < 5 => Vec::new(),
        [word] => {
            let consonants = word.chars().skip(1).filter(|c| !"aeiou".contains(*c));
            let name: String = word.chars().take(1).chain(consonants).collect();
            [3, 4].iter().filter_map(|length| name.get(..*length)).map(str::to_owned).collect()
        }
        words => {
            let initials: String = words.iter().filter_map(|word| word.chars().next()).collect();
            let longer =
                format!("{}{}", words[0].chars().take(2).collect::<String>(), initials.get(1..).unwrap_or_default());
            vec![initials, longer]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_look_like_those_of_kubernetes() {
        #[track_caller]
        fn check(kind: &str, expected: &[&str]) {
            assert_eq!(candidates(kind), expected);
        }
        check("MyApp", &["ma", "mya"]);
        check("Cache", &["cch"]);
        check("Database", &["dtb", "dtbs"]);
        check("RedisCluster", &["rc", "rec"]);
        check("App", &[]);
        check("V2", &[]);
    }
}
