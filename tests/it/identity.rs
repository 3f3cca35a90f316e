//! Who may do what, as a client of the control plane sees it.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use rop::controlplane::Handle;
use rop::controlplane::apiserver::service::ApiService;
use serde_json::{Value, json};
use tower_service::Service;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";

/// A client with the headers of one user.
struct Client {
    service: ApiService,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    fn admin(handle: &Handle) -> Self {
        Self { service: handle.service(), headers: Vec::new() }
    }

    fn acting_as(handle: &Handle, user: &str) -> Self {
        Self { service: handle.service(), headers: vec![("impersonate-user", user.to_owned())] }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(body)).expect("method, path and headers are fine");
        let response = self.service.clone().call(request).await.expect("the service cannot fail");
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.expect("it comes from memory").to_bytes();
        (code, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, Some(body)).await
    }
}

async fn start() -> Handle {
    Handle::builder().nodes(false).start_in_process().await.expect("keys can be made")
}

fn role(verbs: &[&str]) -> Value {
    json!({"metadata": {"name": "r"}, "rules": [{"verbs": verbs, "apiGroups": [""], "resources": ["configmaps"]}]})
}

fn binding(subject: Value) -> Value {
    json!({
        "metadata": {"name": "b"}, "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
    })
}

#[tokio::test]
async fn a_missing_permission_shows_and_a_binding_grants_it() {
    let handle = start().await;
    let (admin, bob) = (Client::admin(&handle), Client::acting_as(&handle, "bob"));
    let path = "/api/v1/namespaces/default/configmaps";
    let (code, status) = bob.get(path).await;
    let expected = "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API group \"\" in the \
                    namespace \"default\"";
    assert_eq!((code, status["message"].as_str()), (403, Some(expected)));
    admin.post(&format!("{RBAC}/roles"), role(&["list"])).await;
    let user = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"});
    assert_eq!(admin.post(&format!("{RBAC}/rolebindings"), binding(user)).await.0, 201);
    assert_eq!(bob.get(path).await.0, 200);
    let question =
        json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "configmaps", "namespace": "default"}}});
    let (_, review) = bob.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", question).await;
    let reason = "RBAC: allowed by RoleBinding \"b/default\" of Role \"r\" to User \"bob\"";
    assert_eq!(review["status"], json!({"allowed": true, "reason": reason}));
}

#[tokio::test]
async fn nobody_grants_what_he_does_not_hold() {
    let handle = start().await;
    let admin = Client::admin(&handle);
    let writer = json!({
        "metadata": {"name": "w"},
        "rules": [{"verbs": ["create"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"]}],
    });
    admin.post(&format!("{RBAC}/roles"), writer).await;
    let mut bind = binding(json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"}));
    bind["roleRef"]["name"] = "w".into();
    admin.post(&format!("{RBAC}/rolebindings"), bind).await;
    let (code, status) = Client::acting_as(&handle, "bob").post(&format!("{RBAC}/roles"), role(&["get"])).await;
    assert_eq!(code, 403);
    let message = status["message"].as_str().unwrap_or_default();
    assert!(message.ends_with("{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"get\"]}"), "{message}");
}

#[tokio::test]
async fn a_token_acts_for_its_account_until_the_account_is_gone() {
    let handle = start().await;
    let admin = Client::admin(&handle);
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    admin.post(accounts, json!({"metadata": {"name": "bot"}})).await;
    let (code, request) = admin.post(&format!("{accounts}/bot/token"), json!({"spec": {}})).await;
    assert_eq!((code, &request["spec"]["expirationSeconds"]), (201, &json!(3600)));
    let owned = &request["metadata"]["managedFields"][0];
    assert_eq!((&owned["apiVersion"], &owned["subresource"]), (&json!("authentication.k8s.io/v1"), &json!("token")));
    assert_eq!(owned["fieldsV1"], json!({"f:spec": {"f:expirationSeconds": {}}}));
    let token = request["status"]["token"].as_str().expect("there is a token");
    let bot = Client {
        service: handle.service_with_credentials(),
        headers: vec![("authorization", format!("Bearer {token}"))],
    };
    let (_, who) = bot.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).await;
    assert_eq!(who["status"]["userInfo"]["username"], "system:serviceaccount:default:bot");
    admin.send(Method::DELETE, &format!("{accounts}/bot"), None).await;
    assert_eq!(bot.get("/api/v1/namespaces/default/configmaps").await.0, 401);
}
