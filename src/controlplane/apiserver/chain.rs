//! The way of a request, on one screen.
//!
//! Everything that a client sends comes through [`answer`]; the control plane's own controllers join at the [`handlers`],
//! under their own users, without bytes. The stations of a write behind it (mutating admission, strategy, validation, validating
//! admission, storage) follow each other in [`handlers`](super::handlers).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::body;
use super::handlers::scale::ScaleChange;
use super::handlers::{self, Scope};
use super::options::{DeleteOptions, ListOptions, Write};
use super::render::{self, Form, HttpResponse};
use super::request_info::RequestInfo;
use super::selector::Selector;
use super::wellknown;
use super::{ApiServer, Response};
use crate::controlplane::identity::authn::Credentials;
use crate::controlplane::identity::users::UserInfo;
use crate::controlplane::identity::{impersonation, rbac};
use crate::controlplane::resources::Origin;
use crate::controlplane::status::{Details, Status};

/// A request as it comes from a client, whatever the transport.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path, not decoded.
    pub path: String,
    /// The query, not decoded.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The user of the connection's client certificate.
    pub certificate_user: Option<Arc<UserInfo>>,
}

impl HttpRequest {
    /// Returns a header as text; empty for none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns in which forms an answer is welcome.
    pub(crate) fn accept(&self) -> Option<&str> {
        self.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok())
    }

    /// Returns the type of the body, if it is said.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    }
}

/// Answers a request.
pub(crate) async fn answer(server: &ApiServer, request: HttpRequest) -> HttpResponse {
    let response = match RequestInfo::new(request.method.as_str(), &request.path, &request.query) {
        Ok(info) => {
            let answered = try_answer(server, &request, &info).await;
            let response = answered.unwrap_or_else(|status| render::status(&status, request.accept()));
            server.metrics().count(&info, is_apply(&request), response.status().as_u16());
            response
        }
        Err(error) => render::status(&Status::new(500, "", error.to_string()), request.accept()),
    };
    render::compress(&request, response)
}

fn is_apply(request: &HttpRequest) -> bool {
    request.content_type().is_some_and(|content_type| content_type.starts_with("application/apply-patch"))
}

async fn try_answer(server: &ApiServer, request: &HttpRequest, info: &RequestInfo) -> Result<HttpResponse, Status> {
    let user = authenticate(server, request)?;
    let user = impersonation::impersonate(user, &request.headers, server.authorizer())?;
    authorize(server, &user, info)?;
    if !info.is_resource_request {
        return wellknown::answer(server, request, info);
    }
    let Some(served) = server.registry().rows().get(&info.gvr).cloned() else {
        return wellknown::unknown_resource(server, info);
    };
    let form = Form::of(request, info, &served.resource)?;
    let mut scope = Scope::new(server, served, info, user);
    scope.resource().strategy.deprecation_warning().into_iter().for_each(|warning| scope.warn(warning));
    let answered = handle(&mut scope, info, request).await;
    let mut response = match answered.and_then(|response| render::response(&scope, form, response)) {
        Ok(response) => response,
        Err(status) => render::status(&status, request.accept()),
    };
    render::add_warnings(&scope, &mut response);
    Ok(response)
}

fn authenticate(server: &ApiServer, request: &HttpRequest) -> Result<UserInfo, Status> {
    let authorization = request.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let certificate_user = request.certificate_user.as_deref();
    server.authenticator().authenticate(Credentials { certificate_user, authorization })
}

fn authorize(server: &ApiServer, user: &UserInfo, info: &RequestInfo) -> Result<(), Status> {
    let attributes = rbac::Attributes {
        user,
        verb: &info.verb,
        group: &info.gvr.group,
        resource: &info.gvr.resource,
        subresource: &info.subresource,
        namespace: &info.namespace,
        name: &info.name,
        path: (!info.is_resource_request).then_some(info.path.as_str()),
    };
    let decision = server.authorizer().authorize(&attributes);
    if decision.allowed { Ok(()) } else { Err(rbac::forbidden(&attributes, &decision.reason)) }
}

/// Reads options and body, and does what an authorized request asks.
async fn handle(scope: &mut Scope, info: &RequestInfo, request: &HttpRequest) -> Result<Response, Status> {
    if request.method == Method::HEAD {
        return Err(not_allowed());
    }
    allowed(scope, info)?;
    done_by_no_kubelet(scope)?;
    let served = scope.served.clone();
    let selector = || Selector::from_query(&info.query, &served.resource);
    let list_options = || ListOptions::from_query(&info.query);
    let delete_options = || DeleteOptions::from_request(&info.query, request.content_type(), &request.body);
    match info.verb.as_ref() {
        "get" if scope.subresource == "scale" => handlers::scale::get(scope),
        "get" => handlers::get(scope),
        "list" => handlers::list(scope, &selector()?, &list_options()?).await,
        "watch" => handlers::watch(scope, selector()?, &list_options()?).await,
        "create" => {
            let object = body::object(scope, info, Write::Create, request)?;
            handlers::create(scope, object).await
        }
        "update" => {
            let object = body::object(scope, info, Write::Update, request)?;
            match scope.subresource.as_str() {
                "scale" => handlers::scale::change(scope, ScaleChange::Replace(object)).await,
                _ => handlers::update(scope, object).await,
            }
        }
        "patch" => {
            let patch = body::patch(scope, info, request)?;
            match scope.subresource.as_str() {
                "scale" => handlers::scale::change(scope, ScaleChange::Patch(patch)).await,
                _ => handlers::patch(scope, patch).await,
            }
        }
        "delete" => {
            let options = delete_options()?;
            scope.dry_run = options.dry_run;
            handlers::delete(scope, &options).await
        }
        "deletecollection" => {
            let options = delete_options()?;
            let selector = selector()?;
            scope.dry_run = options.dry_run;
            handlers::delete_collection(scope, &selector, &list_options()?, &options).await
        }
        _ => Err(not_allowed()),
    }
}

/// Refuses what the row does not serve: verbs, and shapes of URLs.
fn allowed(scope: &Scope, info: &RequestInfo) -> Result<(), Status> {
    let resource = scope.resource();
    let is_custom = resource.origin != Origin::BuiltIn;
    let verbs = match (info.subresource.as_str(), resource.subresource(&info.subresource)) {
        ("", _) => &resource.verbs,
        (_, Some(subresource)) => &subresource.verbs,
        (_, None) if is_custom => return Err(Status::not_found(&resource.group_resource(), &info.name)),
        (_, None) => return Err(Status::no_such_resource()),
    };
    let in_scope = resource.namespaced || info.namespace.is_empty() || info.gvr.resource == "namespaces";
    let needs_namespace = resource.namespaced && info.namespace.is_empty();
    let on_collection = info.parts.len() < 2;
    let shape = match info.verb.as_ref() {
        "list" | "watch" => true,
        "create" => !needs_namespace && on_collection == info.subresource.is_empty(),
        "deletecollection" => !needs_namespace,
        _ => !needs_namespace && !on_collection,
    };
    if is_custom && on_collection && info.verb == "patch" {
        return Err(Status::bad_request("name must be provided"));
    }
    if !in_scope {
        return Err(Status::no_such_resource());
    }
    match shape && verbs.contains(&info.verb.as_ref()) {
        true => Ok(()),
        false if is_custom && shape => Err(Status::method_not_supported(&resource.group_resource(), &info.verb)),
        false => Err(not_allowed()),
    }
}

/// What the API server asks of a kubelet, or of the network behind it. The made-up node has neither.
const CONNECTIONS: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];

fn done_by_no_kubelet(scope: &Scope) -> Result<(), Status> {
    let subresource = scope.subresource.as_str();
    if !CONNECTIONS.contains(&subresource) {
        return Ok(());
    }
    scope.find(&scope.name)?;
    Err(Status::not_implemented(&format!("{}/{subresource}: containers do not run", scope.resource().plural)))
}

fn not_allowed() -> Status {
    Status::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        .with_details(Details::default())
}
