//! Reviews: objects that are created to ask a question, answered at once and never stored.
//!
//! The request chain decodes, defaults and tracks the fields of a review as of any object, and then asks
//! [`Reviewer::answer`] instead of storing it.
//!
//! Source: `pkg/registry/{authorization,authentication}`, `pkg/registry/core/serviceaccount/storage/token.go`.

mod access;
mod token;

use serde_json::{Value, json};

use super::authn::Authenticator;
use super::rbac::Authorizer;
use super::users::UserInfo;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;
use crate::controlplane::storage::Store;

/// The group of questions about rights.
pub const AUTHORIZATION: &str = "authorization.k8s.io";
/// The group of questions about identities.
pub const AUTHENTICATION: &str = "authentication.k8s.io";

/// The kinds of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// May this user do that?
    SubjectAccess,
    /// May this user do that in this namespace?
    LocalSubjectAccess,
    /// May I do that?
    SelfSubjectAccess,
    /// What may I do?
    SelfSubjectRules,
    /// Who am I?
    SelfSubject,
    /// Whose token is this?
    Token,
    /// Give me a token of this ServiceAccount.
    TokenRequest,
}

impl Review {
    /// Returns which question a created object is, if it is one.
    pub fn of(group: &str, resource: &str, subresource: &str) -> Option<Self> {
        match (group, resource, subresource) {
            (AUTHORIZATION, "subjectaccessreviews", "") => Some(Self::SubjectAccess),
            (AUTHORIZATION, "localsubjectaccessreviews", "") => Some(Self::LocalSubjectAccess),
            (AUTHORIZATION, "selfsubjectaccessreviews", "") => Some(Self::SelfSubjectAccess),
            (AUTHORIZATION, "selfsubjectrulesreviews", "") => Some(Self::SelfSubjectRules),
            (AUTHENTICATION, "selfsubjectreviews", "") => Some(Self::SelfSubject),
            (AUTHENTICATION, "tokenreviews", "") => Some(Self::Token),
            ("", "serviceaccounts", "token") => Some(Self::TokenRequest),
            _ => None,
        }
    }

    /// Fills in the defaults, before the fields of the object are tracked.
    pub fn default(self, object: &mut Value) {
        let has_expiration = object.at(&["spec", "expirationSeconds"]).is_some_and(|seconds| !seconds.is_null());
        if self == Self::TokenRequest && !has_expiration {
            object.set(&["spec", "expirationSeconds"], 3600);
        }
    }
}

/// A question and who asks it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The kind of question.
    pub review: Review,
    /// Who asks.
    pub user: &'a UserInfo,
    /// The namespace of the URL; may be empty.
    pub namespace: &'a str,
    /// The name in the URL, for a [`Review::TokenRequest`] that of the ServiceAccount.
    pub name: &'a str,
}

/// Answers reviews.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer<'a> {
    authenticator: &'a Authenticator,
    authorizer: &'a Authorizer,
    store: &'a Store,
    env: &'a Env,
}

impl<'a> Reviewer<'a> {
    /// Returns a reviewer that asks these.
    pub fn new(authenticator: &'a Authenticator, authorizer: &'a Authorizer, store: &'a Store, env: &'a Env) -> Self {
        Self { authenticator, authorizer, store, env }
    }

    /// Returns the object with its answer.
    ///
    /// # Errors
    /// When the question is not well put.
    pub fn answer(&self, question: &Question<'_>, mut object: Value) -> Result<Value, Status> {
        object.metadata_mut();
        match question.review {
            Review::SubjectAccess | Review::LocalSubjectAccess | Review::SelfSubjectAccess => {
                access::subject_access(self.authorizer, question, object)
            }
            Review::SelfSubjectRules => access::self_subject_rules(self.authorizer, question, &object),
            Review::SelfSubject => Ok(self.self_subject(question.user, object)),
            Review::Token => token::review(self.authenticator, object),
            Review::TokenRequest => token::request(self, question, object),
        }
    }

    fn self_subject(&self, user: &UserInfo, mut object: Value) -> Value {
        object.set(&["metadata", "creationTimestamp"], self.env.now_text());
        object.set(&["status"], json!({"userInfo": user.to_value()}));
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::controlplane::gvk::GroupResource;
    use crate::controlplane::identity::tokens::TokenSigner;
    use crate::controlplane::storage::ObjectKey;

    /// What a reviewer asks.
    struct World(Authenticator, Authorizer, Store, Env);

    impl World {
        fn reviewer(&self) -> Reviewer<'_> {
            Reviewer::new(&self.0, &self.1, &self.2, &self.3)
        }
    }

    fn world() -> World {
        let (store, env) = (Store::default(), Env::system());
        let put = |group: &str, plural: &str, namespace: &str, name: &str, value: Value| {
            let resource = GroupResource::new(group, plural);
            store.create(&resource, ObjectKey::new(namespace, name), value).expect("names differ");
        };
        let rbac = crate::controlplane::identity::rbac::GROUP;
        put(rbac, "roles", "ns", "r", json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}));
        let subjects = json!([{"kind": "User", "name": "kim"}]);
        put(rbac, "rolebindings", "ns", "b", json!({"subjects": subjects, "roleRef": {"kind": "Role", "name": "r"}}));
        let meta = |name: &str, uid: &str| json!({"name": name, "namespace": "ns", "uid": uid});
        put("", "serviceaccounts", "ns", "bot", json!({"metadata": meta("bot", "u1")}));
        put("", "pods", "ns", "p", json!({"metadata": meta("p", "u2"), "spec": {"serviceAccountName": "bot"}}));
        let signer = Arc::new(TokenSigner::new(&env).expect("keys can be made"));
        World(Authenticator::new(signer, store.clone()), Authorizer::new(store.clone()), store, env)
    }

    fn ask(review: Review, object: Value) -> Result<Value, Status> {
        let user = UserInfo::new("kim", ["system:authenticated"]);
        let question = Question { review, user: &user, namespace: "ns", name: "bot" };
        world().reviewer().answer(&question, object)
    }

    #[track_caller]
    fn check(review: Review, spec: Value, expected: Result<Value, &str>) {
        let object = json!({"metadata": {}, "spec": spec});
        let status = ask(review, object).map(|answer| answer["status"].clone()).map_err(|status| status.message);
        assert_eq!(status, expected.map_err(str::to_owned));
    }

    #[test]
    fn an_access_review_says_which_binding_allows() {
        let get = json!({"namespace": "ns", "verb": "get", "resource": "pods"});
        let allowed =
            json!({"allowed": true, "reason": "RBAC: allowed by RoleBinding \"b/ns\" of Role \"r\" to User \"kim\""});
        check(Review::SubjectAccess, json!({"user": "kim", "resourceAttributes": get}), Ok(allowed.clone()));
        check(Review::SelfSubjectAccess, json!({"resourceAttributes": get}), Ok(allowed));
        let other = json!({"user": "x", "nonResourceAttributes": {"path": "/healthz", "verb": "get"}});
        check(Review::SubjectAccess, other, Ok(json!({"allowed": false})));
    }

    #[test]
    fn an_access_review_that_asks_nothing_is_refused() {
        let message = ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of \
                       nonResourceAttributes or resourceAttributes must be specified";
        check(Review::SubjectAccess, json!({"user": "kim"}), Err(message));
        let spec = json!({"resourceAttributes": {"verb": "get", "resource": "pods"}});
        let message = ".authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least one of user or group \
                       must be specified";
        check(Review::SubjectAccess, spec, Err(message));
    }

    #[test]
    fn the_rules_of_a_namespace_are_listed() {
        let rules = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
        let status = json!({"resourceRules": rules, "nonResourceRules": [], "incomplete": false});
        check(Review::SelfSubjectRules, json!({"namespace": "ns"}), Ok(status));
        check(Review::SelfSubjectRules, json!({}), Err("no namespace on request"));
    }

    #[test]
    fn a_token_that_was_asked_for_is_reviewed_as_its_accounts() {
        let world = world();
        let reviewer = world.reviewer();
        let admin = UserInfo::admin();
        let question = Question { review: Review::TokenRequest, user: &admin, namespace: "ns", name: "bot" };
        let mut request =
            json!({"metadata": {}, "spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}});
        Review::TokenRequest.default(&mut request);
        let answer = reviewer.answer(&question, request).expect("account and pod are there");
        assert_eq!(answer["metadata"]["uid"], "u1");
        let review = json!({"metadata": {}, "spec": {"token": answer["status"]["token"]}});
        let review = reviewer.answer(&Question { review: Review::Token, ..question }, review).expect("it is well put");
        assert_eq!(review["status"]["user"]["username"], "system:serviceaccount:ns:bot");
        assert_eq!(review["status"]["user"]["extra"]["authentication.kubernetes.io/pod-name"], json!(["p"]));
    }

    #[test]
    fn tokens_are_not_made_for_what_is_not_there_or_too_short() {
        let message = "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 5: may not \
                       specify a duration less than 10 minutes";
        check(Review::TokenRequest, json!({"expirationSeconds": 5}), Err(message));
        let bound =
            json!({"expirationSeconds": 600, "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "q"}});
        check(Review::TokenRequest, bound, Err("pods \"q\" not found"));
        check(Review::Token, json!({}), Err("token is required for TokenReview in authentication"));
        let unknown = json!({"user": {}, "error": "invalid bearer token"});
        check(Review::Token, json!({"token": "x"}), Ok(unknown));
    }
}
