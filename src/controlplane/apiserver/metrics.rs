//! What was asked of the server, counted as `apiserver_request_total` and served at `/metrics`.
//!
//! It answers the question that an operator's author should ask: what does my operator write, for a new object and when
//! nothing changes? Only what clients send is counted, never the control plane's own controllers, and no durations: they
//! would say more about the laptop than about the operator.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/metrics/metrics.go`, Kubernetes 1.36.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use super::request_info::RequestInfo;
use crate::controlplane::gvk::Gvr;

/// The labels of a counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    code: u16,
    dry_run: bool,
    gvr: Gvr,
    scope: &'static str,
    subresource: String,
    verb: &'static str,
}

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<Key, u64>>);

impl Metrics {
    /// Counts a request for a resource, by how it was answered. A watch counts when it starts.
    pub(crate) fn count(&self, info: &RequestInfo, is_apply: bool, code: u16) {
        if !info.is_resource_request {
            return;
        }
        let key = Key {
            code,
            dry_run: info.query.get("dryRun").is_some(),
            gvr: info.gvr.clone(),
            scope: scope(info),
            subresource: info.subresource.clone(),
            verb: verb(info, is_apply),
        };
        // A counter is whole between any two instructions, so a poisoned lock is as good as another.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Returns the counters in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut text =
            "# HELP apiserver_request_total [STABLE] Counter of apiserver requests broken out for each verb, \
                        dry run value, group, version, resource, scope, component, and HTTP response code.\n\
                        # TYPE apiserver_request_total counter\n"
                .to_owned();
        for (Key { code, dry_run, gvr, scope, subresource, verb }, count) in counters {
            let Gvr { group, version, resource } = gvr;
            let dry_run = if dry_run { "All" } else { "" };
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "apiserver_request_total{{code=\"{code}\",component=\"apiserver\",dry_run=\"{dry_run}\",\
                 group=\"{group}\",resource=\"{resource}\",scope=\"{scope}\",subresource=\"{subresource}\",\
                 verb=\"{verb}\",version=\"{version}\"}} {count}"
            );
        }
        text
    }
}

/// Returns how wide a request reaches. Source: `CleanScope`.
fn scope(info: &RequestInfo) -> &'static str {
    if !info.name.is_empty() || info.verb == "create" {
        "resource"
    } else if !info.namespace.is_empty() {
        "namespace"
    } else {
        "cluster"
    }
}

/// Returns the verb as metrics spell it. Source: `CanonicalVerb` and `cleanVerb`.
fn verb(info: &RequestInfo, is_apply: bool) -> &'static str {
    match info.verb.as_ref() {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" => "POST",
        "update" => "PUT",
        "patch" if is_apply => "APPLY",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(method: &str, path: &str, query: &str) -> RequestInfo {
        RequestInfo::new(method, path, query).expect("a URL")
    }

    #[test]
    fn requests_are_counted_by_what_they_ask_and_how_they_were_answered() {
        let metrics = Metrics::default();
        let create = info("POST", "/apis/apps/v1/namespaces/default/deployments", "");
        metrics.count(&create, false, 201);
        metrics.count(&create, false, 201);
        metrics.count(&create, false, 409);
        let text = metrics.text();
        let line = |code: u16, count: u64| {
            format!(
                "apiserver_request_total{{code=\"{code}\",component=\"apiserver\",dry_run=\"\",group=\"apps\",\
                 resource=\"deployments\",scope=\"resource\",subresource=\"\",verb=\"POST\",version=\"v1\"}} {count}\n"
            )
        };
        assert!(text.ends_with(&(line(201, 2) + &line(409, 1))), "{text}");
    }

    #[test]
    fn an_apply_is_told_from_other_patches() {
        let metrics = Metrics::default();
        let patch = info("PATCH", "/api/v1/namespaces/default/pods/web/status", "dryRun=All");
        metrics.count(&patch, true, 200);
        metrics.count(&patch, false, 200);
        let text = metrics.text();
        for verb in ["APPLY", "PATCH"] {
            let labels = format!(
                "dry_run=\"All\",group=\"\",resource=\"pods\",scope=\"resource\",subresource=\"status\",verb=\"{verb}\""
            );
            assert!(text.contains(&labels), "{text}");
        }
    }

    #[test]
    fn documents_about_the_server_are_not_counted() {
        let metrics = Metrics::default();
        metrics.count(&info("GET", "/version", ""), false, 200);
        assert_eq!(metrics.text().lines().filter(|line| !line.starts_with('#')).count(), 0);
    }

    #[test]
    fn lists_and_watches_say_how_wide_they_reach() {
        #[track_caller]
        fn check(path: &str, query: &str, expected: &str) {
            assert_eq!(scope(&info("GET", path, query)), expected, "{path}?{query}");
        }
        check("/api/v1/pods", "", "cluster");
        check("/api/v1/pods", "watch=1", "cluster");
        check("/api/v1/namespaces/default/pods", "", "namespace");
        check("/api/v1/namespaces/default/pods", "fieldSelector=metadata.name%3Dweb", "resource");
    }
}
