//! Paths that name no resource: discovery, OpenAPI, version, health, metrics, the keys of tokens, and the list of all these.
//!
//! They are documents about the server, made from the rows that are served at that moment. Documents that clients keep
//! have an ETag, so that reading them again costs nothing.
//!
//! Source: `k8s.io/apiserver/pkg/server/{routes,healthz}`, `k8s.io/kube-openapi/pkg/handler3`, Kubernetes 1.36.

use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::ApiServer;
use super::chain::HttpRequest;
use super::discovery::Discovery;
use super::negotiate::{self, DiscoveryForm};
use super::openapi::{self, Sources};
use super::openid;
use super::registry::{Rows, crds};
use super::render::{self, HttpResponse};
use super::request_info::RequestInfo;
use crate::controlplane::KUBERNETES_VERSION;
use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::status::{Details, Status};
use crate::controlplane::storage::ObjectKey;

/// The text format of Prometheus.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// The single checks below `/healthz`, `/livez` and `/readyz`.
const CHECKS: [&str; 2] = ["ping", "log"];

/// Answers a request for a path that names no resource.
///
/// # Errors
/// 404, 405 and 406.
pub(crate) fn answer(server: &ApiServer, request: &HttpRequest, info: &RequestInfo) -> Result<HttpResponse, Status> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Err(method_not_allowed());
    }
    let rows = server.registry().rows();
    let parts: Vec<&str> = info.path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => Ok(document(request, &path_list(&rows))),
        ["metrics"] => Ok(render::full(200, METRICS, server.metrics().text().into())),
        ["version"] => Ok(document(request, &version())),
        ["healthz" | "livez" | "readyz", ..] => Ok(health(info, &parts)),
        ["api" | "apis", ..] => discovery(request, &rows, &parts),
        ["openapi", "v2"] => openapi_v2(server, request, &rows),
        ["openapi", "v3", name @ ..] => openapi_v3(server, request, info, &rows, &name.join("/")),
        _ => Ok(openid::answer(server, &info.path).unwrap_or_else(render::not_found)),
    }
}

/// Answers a request for a resource that is not served: a failure where the group is one of Kubernetes' own, plain text
/// elsewhere, as upstream's delegation from one API server to the next has it.
pub(crate) fn unknown_resource(server: &ApiServer, info: &RequestInfo) -> Result<HttpResponse, Status> {
    let rows = server.registry().rows();
    match has_built_in(&rows, &info.gvr.group) {
        true => Err(Status::no_such_resource()),
        false => Ok(render::not_found()),
    }
}

fn has_built_in(rows: &Rows, group: &str) -> bool {
    resources(rows).any(|resource| resource.origin == Origin::BuiltIn && resource.gvk.group == group)
}

fn method_not_allowed() -> Status {
    Status::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        .with_details(Details::default())
}

fn resources(rows: &Rows) -> impl Iterator<Item = &Resource> {
    rows.iter().map(|served| &served.resource)
}

/// Answers with a document, as YAML if that is wanted.
fn document(request: &HttpRequest, value: &Value) -> HttpResponse {
    render::encoded(200, value, negotiate::for_failure(request.accept()), false)
}

/// Gives a document an ETag, and leaves the body out when the client has it already. Its content type stays: clients
/// put the headers of a 304 over those that they have kept.
fn cached(request: &HttpRequest, mut response: HttpResponse, hash: &str) -> HttpResponse {
    let tag = format!("\"{hash}\"");
    let known = request.header(header::IF_NONE_MATCH.as_str()).split(',').any(|known| known.trim() == tag);
    if known {
        let content_type = response.headers_mut().remove(header::CONTENT_TYPE);
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
        response = render::full(304, content_type, Bytes::new());
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

fn discovery(request: &HttpRequest, rows: &Rows, parts: &[&str]) -> Result<HttpResponse, Status> {
    let discovery = Discovery::new(resources(rows));
    let (form, media_type) = negotiate::negotiate_discovery(request.accept())?;
    let is_root = parts.len() == 1;
    if is_root && form != DiscoveryForm::Plain {
        return Ok(aggregated(request, &discovery, parts[0] == "api", form));
    }
    if form != DiscoveryForm::Plain {
        return Err(negotiate::not_acceptable(negotiate::Endpoint::Object));
    }
    let value = match parts {
        ["api"] => Some(discovery.core_versions(request.header(header::HOST.as_str()))),
        ["apis"] => Some(discovery.group_list()),
        ["api", version] => discovery.resource_list("", version),
        ["apis", group] => discovery.group_document(group),
        ["apis", group, version] => discovery.resource_list(group, version),
        _ => None,
    };
    match (value, parts) {
        (Some(value), _) => Ok(render::encoded(200, &value, media_type, false)),
        (None, ["api", _]) => Err(Status::no_such_resource()),
        (None, ["apis", group, _]) if has_built_in(rows, group) => Err(Status::no_such_resource()),
        (None, _) => Ok(render::not_found()),
    }
}

fn aggregated(request: &HttpRequest, discovery: &Discovery<'_>, core: bool, form: DiscoveryForm) -> HttpResponse {
    let version = if form == DiscoveryForm::AggregatedV2 { "v2" } else { "v2beta1" };
    let content_type = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    let text = Bytes::from(discovery.aggregated(core, form).to_string());
    let hash = openapi::hash(&text);
    let content_type = HeaderValue::from_str(&content_type).unwrap_or(HeaderValue::from_static("application/json"));
    cached(request, render::full(200, content_type, text), &hash)
}

/// Calls `with` with what OpenAPI needs to know of the server.
fn with_sources<T>(server: &ApiServer, rows: &Rows, with: impl FnOnce(Sources<'_>) -> T) -> T {
    let rows: Vec<&Resource> = resources(rows).collect();
    let crd = |name: &str| Some(server.store().get(&crds(), &ObjectKey::new("", name))?.value.clone());
    with(Sources { rows: &rows, crd: &crd })
}

fn openapi_v2(server: &ApiServer, request: &HttpRequest, rows: &Rows) -> Result<HttpResponse, Status> {
    refuse_protobuf(request)?;
    let document = with_sources(server, rows, openapi::v2);
    let response = render::full(200, HeaderValue::from_static("application/json"), document.body);
    Ok(cached(request, response, &document.hash))
}

fn openapi_v3(
    server: &ApiServer,
    request: &HttpRequest,
    info: &RequestInfo,
    rows: &Rows,
    name: &str,
) -> Result<HttpResponse, Status> {
    refuse_protobuf(request)?;
    if name.is_empty() {
        let index = with_sources(server, rows, openapi::index).to_string();
        let hash = openapi::hash(index.as_bytes());
        // Upstream serves the index as plain text.
        return Ok(cached(request, render::text(200, index), &hash));
    }
    let Some(document) = with_sources(server, rows, |sources| openapi::document(name, sources)) else {
        return Ok(not_found_without_type());
    };
    let mut response = render::full(200, HeaderValue::from_static("application/json"), document.body);
    if info.query.get("hash").is_some_and(|hash| !hash.is_empty()) {
        // The address changes with the document, which may therefore be kept for ever.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
    }
    Ok(cached(request, response, &document.hash))
}

fn not_found_without_type() -> HttpResponse {
    let mut response = render::full(404, HeaderValue::from_static(""), Bytes::new());
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// Refuses clients that take OpenAPI only as protobuf, as upstream refuses forms that it lacks.
fn refuse_protobuf(request: &HttpRequest) -> Result<(), Status> {
    let accept = request.header("accept");
    let takes_json = accept.is_empty() || accept.contains("json") || accept.contains("*/*");
    if takes_json { Ok(()) } else { Err(Status::new(406, "NotAcceptable", "OpenAPI is served as application/json")) }
}

fn version() -> Value {
    let number = |index: usize| KUBERNETES_VERSION.trim_start_matches('v').split('.').nth(index).unwrap_or_default();
    let (major, minor) = (number(0), number(1));
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let older = minor.parse::<u32>().map_or_else(|_| String::new(), |minor| minor.saturating_sub(1).to_string());
    json!({
        "major": major, "minor": minor, "emulationMajor": major, "emulationMinor": minor,
        "minCompatibilityMajor": major, "minCompatibilityMinor": older,
        "gitVersion": KUBERNETES_VERSION, "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none", "compiler": "rustc", "platform": format!("{}/{architecture}", std::env::consts::OS),
    })
}

/// Answers for the server as a whole, or for one check. A server that can answer is healthy.
fn health(info: &RequestInfo, parts: &[&str]) -> HttpResponse {
    match parts {
        [name] if info.query.get("verbose").is_some() => {
            let checks: String = CHECKS.iter().map(|check| format!("[+]{check} ok\n")).collect();
            render::text(200, format!("{checks}{name} check passed\n"))
        }
        [_] => render::text(200, "ok"),
        [_, check] if CHECKS.contains(check) => render::text(200, "ok"),
        _ => render::not_found(),
    }
}

fn path_list(rows: &Rows) -> Value {
    let mut paths: Vec<String> =
        ["/.well-known/openid-configuration", "/api", "/apis", "/apis/", "/metrics", "/openapi/v2"]
            .into_iter()
            .chain(["/openapi/v3", "/openapi/v3/", "/openid/v1/jwks", "/version"])
            .map(str::to_owned)
            .collect();
    for name in ["healthz", "livez", "readyz"] {
        paths.push(format!("/{name}"));
        paths.extend(CHECKS.iter().map(|check| format!("/{name}/{check}")));
    }
    for resource in resources(rows) {
        let (group, gv) = (&resource.gvk.group, resource.gvk.group_version());
        match group.as_str() {
            "" => paths.push(format!("/api/{gv}")),
            _ => paths.extend([format!("/apis/{group}"), format!("/apis/{gv}")]),
        }
    }
    paths.sort();
    paths.dedup();
    json!({"paths": paths})
}
