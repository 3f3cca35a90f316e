//! Plurals, by the rules of English.
//!
//! The plural is part of the API (`kubectl get indices`), so it is always written out in what rop generates and never
//! left to the differing rules of other tools.

use heck::ToSnakeCase;

use super::dns::{First, check_label, nearest_label};
use super::{Kind, NameError, name_type};

name_type! {
    /// The plural of a kind in lower case, such as `myapps`.
    Plural
}

impl Plural {
    /// Parses a plural: a DNS-1035 label.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_label(text, First::Letter).map_err(|reason| {
            let near = nearest_label(text).map(|near| near.replace('-', ""));
            let near = near.filter(|near| check_label(near, First::Letter).is_ok());
            NameError::new("plural", "--plural", text, reason)
                .suggest(near)
                .or_words("pass a word in lower case, such as `--plural myapps`")
        })?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the plural of a kind, by the last of its words.
    pub fn of(kind: &Kind) -> Result<Self, NameError> {
        let snake = kind.as_str().to_snake_case();
        let last = snake.rsplit('_').next().unwrap_or_default();
        let lower = kind.lower();
        let stem = lower.strip_suffix(last).unwrap_or_default();
        Self::parse(&format!("{stem}{}", plural_of(last)))
    }
}

/// Words whose plural no rule gives.
#[rustfmt::skip]
const IRREGULAR: &[(&str, &str)] = &[
    ("addendum", "addenda"), ("agendum", "agenda"), ("alumnus", "alumni"), ("appendix", "appendices"),
    ("bacterium", "bacteria"), ("cactus", "cacti"), ("calf", "calves"), ("child", "children"), ("codex", "codices"),
    ("criterion", "criteria"), ("datum", "data"), ("die", "dice"), ("echo", "echoes"), ("elf", "elves"),
    ("epoch", "epochs"), ("focus", "foci"), ("foot", "feet"), ("fungus", "fungi"), ("genus", "genera"),
    ("goose", "geese"), ("half", "halves"), ("hero", "heroes"), ("index", "indices"), ("knife", "knives"),
    ("leaf", "leaves"), ("lens", "lenses"), ("life", "lives"), ("loaf", "loaves"), ("louse", "lice"), ("man", "men"),
    ("matrix", "matrices"), ("medium", "media"), ("memorandum", "memoranda"), ("monarch", "monarchs"),
    ("mouse", "mice"), ("nucleus", "nuclei"), ("ox", "oxen"), ("person", "people"), ("phenomenon", "phenomena"),
    ("potato", "potatoes"), ("quantum", "quanta"), ("quiz", "quizzes"), ("radius", "radii"), ("schema", "schemas"),
    ("self", "selves"), ("shelf", "shelves"), ("stimulus", "stimuli"), ("stomach", "stomachs"), ("stratum", "strata"),
    ("syllabus", "syllabi"), ("tech", "techs"), ("thief", "thieves"), ("tomato", "tomatoes"), ("tooth", "teeth"),
    ("torpedo", "torpedoes"), ("vertex", "vertices"), ("veto", "vetoes"), ("vortex", "vortices"), ("wife", "wives"),
    ("wolf", "wolves"), ("woman", "women"),
];

/// Words that are their own plural.
const UNCHANGED: &[&str] = &[
    "aircraft",
    "data",
    "deer",
    "equipment",
    "feedback",
    "firmware",
    "fish",
    "hardware",
    "information",
    "media",
    "metadata",
    "middleware",
    "money",
    "news",
    "series",
    "sheep",
    "software",
    "species",
    "staff",
    "traffic",
];

/// Returns the plural of an English word in lower case.
fn plural_of(word: &str) -> String {
    if let Some((_, plural)) = IRREGULAR.iter().find(|(singular, _)| *singular == word) {
        return (*plural).to_owned();
    }
    if UNCHANGED.contains(&word) || is_plural_already(word) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("sis").or_else(|| word.strip_suffix("xis")) {
        return format!("{stem}{}es", &word[stem.len()..=stem.len()]);
    }
    if let Some(stem) = word.strip_suffix('y')
        && (stem.ends_with("qu") || !stem.ends_with(['a', 'e', 'i', 'o', 'u']))
        && !stem.is_empty()
    {
        return format!("{stem}ies");
    }
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
    format!("{word}{}", if hisses { "es" } else { "s" })
}

/// `endpoints`, `settings`, `nodes`: an s behind a letter that no singular has before it.
fn is_plural_already(word: &str) -> bool {
    let singular_ends = ["ss", "us", "is", "as", "os"];
    word.len() > 3 && word.ends_with('s') && !singular_ends.iter().any(|end| word.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_those_of_english() {
        #[track_caller]
        fn check(kind: &str, plural: &str) {
            let kind = Kind::parse(kind).expect("valid");
            assert_eq!(Plural::of(&kind).expect("valid").as_str(), plural);
        }
        check("MyApp", "myapps");
        check("Cache", "caches");
        check("NetworkPolicy", "networkpolicies");
        check("Gateway", "gateways");
        check("Ingress", "ingresses");
        check("Proxy", "proxies");
        check("Bus", "buses");
        check("Virus", "viruses");
        check("Person", "people");
        check("SalesPerson", "salespeople");
        check("Datum", "data");
        check("SearchIndex", "searchindices");
        check("Matrix", "matrices");
        check("Analysis", "analyses");
        check("Axis", "axes");
        check("Redis", "redises");
        check("Batch", "batches");
        check("Epoch", "epochs");
        check("Brush", "brushes");
        check("Quiz", "quizzes");
        check("Shelf", "shelves");
        check("Repo", "repos");
        check("Hero", "heroes");
        check("Series", "series");
        check("Settings", "settings");
        check("Endpoints", "endpoints");
        check("Database", "databases");
        check("Soliloquy", "soliloquies");
        check("Y", "ys");
        check("A", "as");
        check("Human", "humans");
    }
}
