//! The rules of roles: what one allows, and whether some cover others.
//!
//! Source: `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/apis/rbac/v1/evaluation_helpers.go`,
//! `k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go`.

use std::fmt;

use serde_json::{Value, json};

use super::rbac::Attributes;
use crate::controlplane::object::Object;

const ALL: &str = "*";

/// One rule of a Role or ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Rule {
    /// What may be done.
    pub verbs: Vec<String>,
    /// To which groups.
    pub api_groups: Vec<String>,
    /// To which resources.
    pub resources: Vec<String>,
    /// To which objects; all, when empty.
    pub resource_names: Vec<String>,
    /// To which other paths.
    pub non_resource_urls: Vec<String>,
}

impl Rule {
    /// Returns the rules of a role.
    pub fn of_role(role: &Value) -> Vec<Self> {
        role.at(&["rules"]).and_then(Value::as_array).into_iter().flatten().map(Self::from_value).collect()
    }

    /// Reads a `PolicyRule`.
    pub fn from_value(value: &Value) -> Self {
        let texts = |field: &str| {
            let list = value.get(field).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            verbs: texts("verbs"),
            api_groups: texts("apiGroups"),
            resources: texts("resources"),
            resource_names: texts("resourceNames"),
            non_resource_urls: texts("nonResourceURLs"),
        }
    }

    /// Returns the rule as JSON, without empty lists.
    pub fn to_value(&self) -> Value {
        let mut value = json!({"verbs": self.verbs});
        for (key, list) in [
            ("apiGroups", &self.api_groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
            ("nonResourceURLs", &self.non_resource_urls),
        ] {
            if !list.is_empty() {
                value[key] = list.clone().into();
            }
        }
        value
    }

    /// Whether the rule allows a request.
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        if !has_or_all(&self.verbs, attributes.verb) {
            return false;
        }
        match attributes.path {
            Some(path) => self.non_resource_urls.iter().any(|own| url_covers(own, path)),
            None => {
                has_or_all(&self.api_groups, attributes.group)
                    && self.allows_resource(attributes.resource, attributes.subresource)
                    && (self.resource_names.is_empty() || has(&self.resource_names, attributes.name))
            }
        }
    }

    fn allows_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|own| match (own.as_str(), subresource) {
            (ALL, _) => true,
            (own, "") => own == resource,
            (own, _) => {
                own.split_once('/').is_some_and(|(of, name)| name == subresource && (of == ALL || of == resource))
            }
        })
    }

    /// Returns rules of one verb, one group, one resource and at most one name each that say the same.
    fn broken_down(&self) -> Vec<Self> {
        let mut simple = Vec::new();
        for verb in &self.verbs {
            for (group, resource) in
                self.api_groups.iter().flat_map(|group| self.resources.iter().map(move |resource| (group, resource)))
            {
                let base = Self {
                    verbs: vec![verb.clone()],
                    api_groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    ..Self::default()
                };
                let with_name = |name: &String| Self { resource_names: vec![name.clone()], ..base.clone() };
                match self.resource_names.as_slice() {
                    [] => simple.push(base),
                    names => simple.extend(names.iter().map(with_name)),
                }
            }
            let of_url = |url: &String| Self {
                verbs: vec![verb.clone()],
                non_resource_urls: vec![url.clone()],
                ..Self::default()
            };
            simple.extend(self.non_resource_urls.iter().map(of_url));
        }
        simple
    }

    /// Whether all that a broken-down rule allows is allowed by this one.
    fn covers(&self, simple: &Self) -> bool {
        simple.verbs.iter().all(|verb| has_or_all(&self.verbs, verb))
            && simple.api_groups.iter().all(|group| has_or_all(&self.api_groups, group))
            && simple.resources.iter().all(|resource| self.covers_resource(resource))
            && simple.non_resource_urls.iter().all(|url| self.non_resource_urls.iter().any(|own| url_covers(own, url)))
            && (self.resource_names.is_empty()
                || (!simple.resource_names.is_empty()
                    && simple.resource_names.iter().all(|name| has(&self.resource_names, name))))
    }

    fn covers_resource(&self, resource: &str) -> bool {
        let of_all = || {
            resource.split_once('/').is_some_and(|(_, subresource)| has(&self.resources, &format!("*/{subresource}")))
        };
        has_or_all(&self.resources, resource) || of_all()
    }
}

impl fmt::Display for Rule {
    /// Prints as upstream's `CompactString`: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ]
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name}:{}", go_quoted(list)))
        .collect();
        write!(f, "{{{}}}", parts.join(", "))
    }
}

/// Returns a list as Go's `%q` prints it: `["a" "b"]`.
pub fn go_quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

/// Returns those of `wanted`, broken down, that no rule of `owned` covers.
pub fn not_covered(owned: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let simple = wanted.iter().flat_map(Rule::broken_down);
    simple.filter(|simple| !owned.iter().any(|own| own.covers(simple))).collect()
}

/// Joins rules that differ only in their verb.
pub fn compact(rules: &[Rule]) -> Vec<Rule> {
    let mut joined: Vec<Rule> = Vec::new();
    for rule in rules {
        let same = |other: &&mut Rule| {
            rule.non_resource_urls.is_empty()
                && other.api_groups == rule.api_groups
                && other.resources == rule.resources
                && other.resource_names == rule.resource_names
        };
        match joined.iter_mut().find(same) {
            Some(other) => other.verbs.extend(rule.verbs.iter().cloned()),
            None => joined.push(rule.clone()),
        }
    }
    joined
}

fn has(list: &[String], text: &str) -> bool {
    list.iter().any(|item| item == text)
}

fn has_or_all(list: &[String], text: &str) -> bool {
    list.iter().any(|item| item == ALL || item == text)
}

fn url_covers(own: &str, path: &str) -> bool {
    own == path || own.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix.trim_end_matches('*')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::identity::users::UserInfo;

    fn rule(value: Value) -> Rule {
        Rule::from_value(&value)
    }

    #[track_caller]
    fn check(rule: &Rule, resource: &str, name: &str, expected: bool) {
        let user = UserInfo::default();
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = Attributes { name, subresource, ..Attributes::resource(&user, "get", "apps", resource) };
        assert_eq!(rule.allows(&attributes), expected, "{resource}/{subresource} {name}");
    }

    #[test]
    fn subresources_are_allowed_by_name_or_for_all_resources() {
        let scale =
            rule(json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments/scale", "*/status"]}));
        check(&scale, "deployments/scale", "", true);
        check(&scale, "deployments", "", false);
        check(&scale, "replicasets/scale", "", false);
        check(&scale, "replicasets/status", "", true);
        let all = rule(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        check(&all, "deployments/scale", "", true);
    }

    #[test]
    fn a_rule_with_names_allows_only_these() {
        let one = rule(json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["x"], "resourceNames": ["only"]}));
        check(&one, "x", "only", true);
        check(&one, "x", "other", false);
        check(&one, "x", "", false);
    }

    #[test]
    fn a_path_is_allowed_exactly_or_below_a_star() {
        let user = UserInfo::default();
        let paths = rule(json!({"verbs": ["get"], "nonResourceURLs": ["/apis", "/apis/*"]}));
        for (path, expected) in [("/apis", true), ("/apis/x/y", true), ("/api", false), ("/apisx", false)] {
            assert_eq!(paths.allows(&Attributes::path(&user, "get", path)), expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_covered_is_named_compactly() {
        let owned = [rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "*/log"]}))];
        let wanted =
            [rule(json!({"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods", "pods/log"]}))];
        let missing: Vec<String> = compact(&not_covered(&owned, &wanted)).iter().map(Rule::to_string).collect();
        assert_eq!(
            missing,
            [
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}"#,
                r#"{APIGroups:[""], Resources:["pods/log"], Verbs:["list" "watch"]}"#,
            ]
        );
        assert!(
            not_covered(&[rule(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}))], &wanted).is_empty()
        );
    }
}
