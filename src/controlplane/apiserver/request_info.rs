//! What a request asks: method and URL in, verb, resource, namespace and name out.
//!
//! Authorization and routing both decide by this, so it copies upstream's reading of URLs to the letter, oddities
//! included. It says nothing about whether the resource is served.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`, Kubernetes 1.36.

use std::borrow::Cow;

use super::selector::FieldSelector;
use crate::controlplane::gvk::Gvr;

/// The query of a URL: names and values in order, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands after the `?`. Pairs that are not well formed are left out, as Go does.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode_percent(name, Plus::IsSpace)?, decode_percent(value, Plus::IsSpace)?))
        });
        Self(decoded.collect())
    }

    /// Returns the first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns a flag as upstream reads it: absent, `false` and `0` are false, everything else is true.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }
}

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `proxy`; for other paths the
    /// method in lower case.
    pub verb: Cow<'static, str>,
    /// Whether the path names a resource, served or not.
    pub is_resource_request: bool,
    /// The endpoint; all empty when the path names no resource.
    pub gvr: Gvr,
    /// The namespace; empty for none. A request for a namespace itself is in that namespace.
    pub namespace: String,
    /// The object; empty for none. Lists and watches that select one name by `metadata.name` have that one.
    pub name: String,
    /// What is below the object, such as `status`; empty for none.
    pub subresource: String,
    /// The parts of the path from the resource on.
    pub parts: Vec<String>,
    /// The path, decoded.
    pub path: String,
    /// The query.
    pub query: Query,
}

/// Why a URL cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to determine kind and namespace from url, {0}")]
pub struct UnreadableUrl(pub String);

/// Verbs that stand in the path, `/api/v1/watch/pods`.
const SPECIAL_VERBS: [(&str, &str); 2] = [("proxy", "proxy"), ("watch", "watch")];
/// What may follow `/namespaces/NAME/` and is no resource in that namespace.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

impl RequestInfo {
    /// Reads a method and the path and query of a URL.
    ///
    /// # Errors
    /// [`UnreadableUrl`] for `/api/v1/watch` and the like, which name a verb but nothing else.
    pub fn new(method: &str, path: &str, query: &str) -> Result<Self, UnreadableUrl> {
        let path = decode_percent(path, Plus::IsPlus).unwrap_or_else(|| path.to_owned());
        let mut info = Self::non_resource(method, path, Query::parse(query));
        let all: Vec<String> = info.path.trim_matches('/').split('/').map(str::to_owned).collect();
        let Some((gvr, mut parts)) = group_version(&all) else { return Ok(info) };
        info.is_resource_request = true;
        info.gvr = gvr;
        match SPECIAL_VERBS.iter().find(|(word, _)| *word == parts[0]) {
            Some(_) if parts.len() < 2 => return Err(UnreadableUrl(info.path)),
            Some((_, verb)) => {
                info.verb = Cow::Borrowed(verb);
                parts = &parts[1..];
            }
            None => info.verb = Cow::Borrowed(verb_of(method)),
        }
        info.read_parts(parts);
        info.settle_collection_verb();
        Ok(info)
    }

    /// Returns the resource, with the subresource behind a slash, as authorization names it.
    pub fn resource_path(&self) -> String {
        match self.subresource.as_str() {
            "" => self.gvr.resource.clone(),
            subresource => format!("{}/{subresource}", self.gvr.resource),
        }
    }

    fn non_resource(method: &str, path: String, query: Query) -> Self {
        Self {
            verb: Cow::Owned(method.to_ascii_lowercase()),
            is_resource_request: false,
            gvr: Gvr::new("", "", ""),
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
            parts: Vec::new(),
            path,
            query,
        }
    }

    /// Reads namespace, resource, name and subresource.
    fn read_parts(&mut self, mut parts: &[String]) {
        if parts[0] == "namespaces" && parts.len() > 1 {
            self.namespace = parts[1].clone();
            if parts.len() > 2 && !NAMESPACE_SUBRESOURCES.contains(&parts[2].as_str()) {
                parts = &parts[2..];
            }
        }
        self.parts = parts.to_vec();
        let part = |index: usize| parts.get(index).cloned().unwrap_or_default();
        (self.gvr.resource, self.name) = (part(0), part(1));
        if self.verb != "proxy" {
            self.subresource = part(2);
        }
    }

    /// Tells `list` and `watch` from `get`, and `deletecollection` from `delete`.
    fn settle_collection_verb(&mut self) {
        if !self.name.is_empty() {
            return;
        }
        match self.verb.as_ref() {
            "get" => {
                self.verb = Cow::Borrowed(if self.query.flag("watch") { "watch" } else { "list" });
                self.name = self.selected_name().unwrap_or_default();
            }
            "delete" => self.verb = Cow::Borrowed("deletecollection"),
            _ => {}
        }
    }

    /// Returns the one name that the field selector allows.
    fn selected_name(&self) -> Option<String> {
        let selector = FieldSelector::parse(self.query.get("fieldSelector")?).ok()?;
        let name = selector.required_value("metadata.name")?;
        let is_segment = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%']);
        is_segment.then(|| name.to_owned())
    }
}

/// Returns the group version at the front of a path, and the parts behind it, of which there is at least one.
fn group_version(parts: &[String]) -> Option<(Gvr, &[String])> {
    match parts {
        [api, version, rest @ ..] if api == "api" && !rest.is_empty() => Some((Gvr::new("", version, ""), rest)),
        [apis, group, version, rest @ ..] if apis == "apis" && !rest.is_empty() => {
            Some((Gvr::new(group, version, ""), rest))
        }
        _ => None,
    }
}

fn verb_of(method: &str) -> &'static str {
    match method {
        "POST" => "create",
        "GET" | "HEAD" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}

/// What a `+` means.
#[derive(Clone, Copy, PartialEq)]
enum Plus {
    IsSpace,
    IsPlus,
}

/// Decodes `%41`; `None` when a percent sign is not followed by two digits, or the result is no UTF-8.
fn decode_percent(text: &str, plus: Plus) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => (hex_digit(rest.next()?)? << 4) | hex_digit(rest.next()?)?,
            b'+' if plus == Plus::IsSpace => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows a request as `verb group/version resource namespace/name subresource`, `-` for empty.
    fn show(method: &str, url: &str) -> String {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        match RequestInfo::new(method, path, query) {
            Err(error) => error.to_string(),
            Ok(info) if !info.is_resource_request => format!("{} {}", info.verb, info.path),
            Ok(info) => {
                let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
                let gv = info.gvr.group_version();
                let place = format!("{}/{}", dash(&info.namespace), dash(&info.name));
                format!("{} {gv} {} {place} {}", dash(&info.verb), info.gvr.resource, dash(&info.subresource))
            }
        }
    }

    #[track_caller]
    fn check(method: &str, url: &str, expected: &str) {
        assert_eq!(show(method, url), expected, "{method} {url}");
    }

    #[test]
    fn methods_become_verbs() {
        check("GET", "/api/v1/namespaces/ns/pods", "list v1 pods ns/- -");
        check("GET", "/api/v1/namespaces/ns/pods/a", "get v1 pods ns/a -");
        check("HEAD", "/api/v1/namespaces/ns/pods/a", "get v1 pods ns/a -");
        check("HEAD", "/api/v1/pods", "list v1 pods -/- -");
        check("POST", "/api/v1/namespaces/ns/pods", "create v1 pods ns/- -");
        check("PUT", "/api/v1/namespaces/ns/pods/a", "update v1 pods ns/a -");
        check("PATCH", "/api/v1/namespaces/ns/pods/a", "patch v1 pods ns/a -");
        check("DELETE", "/api/v1/namespaces/ns/pods/a", "delete v1 pods ns/a -");
        check("DELETE", "/api/v1/namespaces/ns/pods", "deletecollection v1 pods ns/- -");
        check("OPTIONS", "/api/v1/namespaces/ns/pods", "- v1 pods ns/- -");
    }

    #[test]
    fn groups_and_scopes_are_told_apart() {
        check("GET", "/apis/apps/v1/deployments", "list apps/v1 deployments -/- -");
        check("GET", "/apis/apps/v1/namespaces/ns/deployments/d/scale", "get apps/v1 deployments ns/d scale");
        check("GET", "/apis/a.b.c/v1alpha1/things/x", "get a.b.c/v1alpha1 things -/x -");
        check("POST", "/api/v1/namespaces/ns/pods/a/eviction", "create v1 pods ns/a eviction");
        check("GET", "/api/v1/namespaces/ns/pods/a/proxy/x/y", "get v1 pods ns/a proxy");
        check("GET", "/api/v1/nodes/n/status", "get v1 nodes -/n status");
    }

    #[test]
    fn namespaces_are_a_resource_too() {
        check("GET", "/api/v1/namespaces", "list v1 namespaces -/- -");
        check("POST", "/api/v1/namespaces", "create v1 namespaces -/- -");
        check("GET", "/api/v1/namespaces/ns", "get v1 namespaces ns/ns -");
        check("PUT", "/api/v1/namespaces/ns/finalize", "update v1 namespaces ns/ns finalize");
        check("PATCH", "/api/v1/namespaces/ns/status", "patch v1 namespaces ns/ns status");
        check("DELETE", "/api/v1/namespaces/ns", "delete v1 namespaces ns/ns -");
        check("DELETE", "/api/v1/namespaces", "deletecollection v1 namespaces -/- -");
    }

    #[test]
    fn a_query_turns_lists_into_watches() {
        check("GET", "/api/v1/pods?watch=true", "watch v1 pods -/- -");
        check("GET", "/api/v1/pods?watch=1", "watch v1 pods -/- -");
        check("GET", "/api/v1/pods?watch=garbage", "watch v1 pods -/- -");
        check("GET", "/api/v1/pods?watch=", "watch v1 pods -/- -");
        check("GET", "/api/v1/pods?watch", "watch v1 pods -/- -");
        check("GET", "/api/v1/pods?watch=FALSE", "list v1 pods -/- -");
        check("GET", "/api/v1/pods?watch=0", "list v1 pods -/- -");
        check("GET", "/api/v1/namespaces/ns/pods/a?watch=true", "get v1 pods ns/a -");
        check("POST", "/api/v1/pods?watch=true", "create v1 pods -/- -");
    }

    #[test]
    fn a_field_selector_names_the_object() {
        check("GET", "/api/v1/pods?fieldSelector=metadata.name%3Da", "list v1 pods -/a -");
        check("GET", "/api/v1/pods?watch=1&fieldSelector=metadata.name==a,spec.x=y", "watch v1 pods -/a -");
        check("GET", "/api/v1/pods?fieldSelector=metadata.name!=a", "list v1 pods -/- -");
        check("GET", "/api/v1/pods?fieldSelector=metadata.name%3D..", "list v1 pods -/- -");
        check("GET", "/api/v1/pods?fieldSelector=nonsense", "list v1 pods -/- -");
        check("DELETE", "/api/v1/pods?fieldSelector=metadata.name=a", "deletecollection v1 pods -/- -");
    }

    #[test]
    fn verbs_in_the_path_still_work() {
        check("GET", "/api/v1/watch/pods", "watch v1 pods -/- -");
        check("GET", "/api/v1/watch/namespaces/ns/pods", "watch v1 pods ns/- -");
        check("GET", "/api/v1/watch/namespaces/ns/pods/a", "watch v1 pods ns/a -");
        check("GET", "/apis/apps/v1/watch/deployments", "watch apps/v1 deployments -/- -");
        check("GET", "/api/v1/proxy/namespaces/ns/pods/a/x", "proxy v1 pods ns/a -");
        check("GET", "/api/v1/watch", "unable to determine kind and namespace from url, /api/v1/watch");
    }

    #[test]
    fn other_paths_name_no_resource() {
        for path in ["/", "/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz", "/openapi/v3/api/v1"] {
            check("GET", path, &format!("get {path}"));
        }
        check("POST", "/version", "post /version");
    }

    #[test]
    fn paths_and_queries_are_decoded() {
        check("GET", "/api/v1/namespaces/ns/configmaps/a%2Eb", "get v1 configmaps ns/a.b -");
        check("GET", "/api/v1/namespaces/ns/configmaps/a+b/", "get v1 configmaps ns/a+b -");
        let query = Query::parse("a=1&a=2&b=x+y%26&c&bad=%zz&semi;colon=1");
        assert_eq!((query.get("a"), query.get("b"), query.get("c")), (Some("1"), Some("x y&"), Some("")));
        assert_eq!(query.get_all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((query.get("bad"), query.get("semi;colon")), (None, None));
    }
}
