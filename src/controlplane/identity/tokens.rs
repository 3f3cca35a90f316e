//! ServiceAccount tokens: signed by a key of our own, bound to the account and, if asked, to a pod, secret or node.
//!
//! Tokens are JWTs signed with ES256, whose keys cost microseconds to make. The claims are upstream's, so that clients
//! which look inside find what they expect. A token is checked against the store each time: it dies with its account.
//!
//! Source: `pkg/serviceaccount/claims.go`, `.../jwt.go`, `.../openidmetadata.go`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::users::{CREDENTIAL_ID, UserInfo, service_account_user};
use crate::controlplane::env::Env;
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::storage::{ObjectKey, Store};

/// The issuer of our tokens, and the audience of the API server itself.
pub const ISSUER: &str = "https://kubernetes.default.svc";

/// What a token is bound to beside its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundObject {
    /// `pod`, `secret` or `node`: the claim's name.
    pub claim: &'static str,
    /// The object's name.
    pub name: String,
    /// The object's UID.
    pub uid: String,
}

/// What goes into a token.
#[derive(Debug, Clone)]
pub struct TokenSpec<'a> {
    /// The account's namespace.
    pub namespace: &'a str,
    /// The account's name.
    pub name: &'a str,
    /// The account's UID.
    pub uid: &'a str,
    /// For whom the token is meant.
    pub audiences: &'a [String],
    /// How many seconds it is valid.
    pub expiration_seconds: i64,
    /// What it is bound to beside the account.
    pub bound: Option<BoundObject>,
}

/// A token that was found valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Whose it is.
    pub user: UserInfo,
    /// Which of the audiences that were asked for it is meant for.
    pub audiences: Vec<String>,
}

/// Signs and checks tokens.
pub struct TokenSigner {
    key: EcdsaKeyPair,
    key_id: String,
    random: SystemRandom,
    env: Env,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// The machine has no randomness, or a kept key is none.
#[derive(Debug, thiserror::Error)]
#[error("failed to make the key that signs ServiceAccount tokens")]
pub struct SignerError;

impl TokenSigner {
    /// Returns a signer with a fresh key.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn new(env: &Env) -> Result<Self, SignerError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(|_| SignerError)?;
        Self::from_pkcs8(env, pkcs8.as_ref())
    }

    /// Returns a signer with a key that was kept.
    ///
    /// # Errors
    /// When the bytes are no P-256 key.
    pub fn from_pkcs8(env: &Env, pkcs8: &[u8]) -> Result<Self, SignerError> {
        let random = SystemRandom::new();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).map_err(|_| SignerError)?;
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(key.public_key().as_ref()));
        Ok(Self { key, key_id, random, env: env.clone() })
    }

    /// Returns the text of a fresh key, for keeping.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn generate_key_pem() -> Result<String, SignerError> {
        rcgen::KeyPair::generate().map(|key| key.serialize_pem()).map_err(|_| SignerError)
    }

    /// Returns a signer with a key that was kept as text.
    ///
    /// # Errors
    /// When the text is no P-256 key.
    pub fn from_key_pem(env: &Env, key_pem: &str) -> Result<Self, SignerError> {
        let key = rcgen::KeyPair::from_pem(key_pem).map_err(|_| SignerError)?;
        Self::from_pkcs8(env, &key.serialize_der())
    }

    /// Returns a token; `None` only when the machine has no randomness for the signature.
    pub fn sign(&self, spec: &TokenSpec<'_>) -> Option<String> {
        let now = self.env.now().as_second();
        let mut private = json!({
            "namespace": spec.namespace, "serviceaccount": {"name": spec.name, "uid": spec.uid},
        });
        if let Some(bound) = &spec.bound {
            private[bound.claim] = json!({"name": bound.name, "uid": bound.uid});
        }
        let claims = json!({
            "aud": spec.audiences, "exp": now + spec.expiration_seconds, "iat": now, "iss": ISSUER,
            "jti": self.env.uid(), "kubernetes.io": private, "nbf": now,
            "sub": service_account_user(spec.namespace, spec.name),
        });
        self.encode(&claims)
    }

    fn encode(&self, claims: &Value) -> Option<String> {
        let header = json!({"alg": "ES256", "kid": self.key_id});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let payload = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign(&self.random, payload.as_bytes()).ok()?;
        Some(format!("{payload}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Returns whose token it is, if it is valid now, for one of `audiences`, and its account and bound object live.
    pub fn verify(&self, store: &Store, token: &str, audiences: &[String]) -> Option<VerifiedToken> {
        let claims = self.claims(token)?;
        let now = self.env.now().as_second();
        let time = |claim: &str| claims.get(claim).and_then(Value::as_i64);
        if time("exp")? <= now || time("nbf")? > now || claims.text_at(&["iss"]) != ISSUER {
            return None;
        }
        let meant_for: Vec<&str> = claims.get("aud")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let audiences: Vec<String> =
            audiences.iter().filter(|audience| meant_for.contains(&audience.as_str())).cloned().collect();
        if audiences.is_empty() {
            return None;
        }
        Some(VerifiedToken { user: user_of_claims(store, &claims)?, audiences })
    }

    /// Returns the claims, if our key has signed them.
    fn claims(&self, token: &str) -> Option<Value> {
        let (payload, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref());
        public_key.verify(payload.as_bytes(), &signature).ok()?;
        let (_, claims) = payload.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// Returns the document at `/openid/v1/jwks`: the public key.
    pub fn jwks(&self) -> Value {
        let point = self.key.public_key().as_ref();
        // An uncompressed point: the byte 4, then x and y of 32 bytes each.
        let coordinate = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256",
            "x": coordinate(1..33), "y": coordinate(33..65),
        }]})
    }
}

/// Returns the document at `/.well-known/openid-configuration`.
pub fn openid_configuration() -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

/// Returns the user of a token whose account, and whose bound object, are still the ones that it names.
fn user_of_claims(store: &Store, claims: &Value) -> Option<UserInfo> {
    let private = claims.get("kubernetes.io")?;
    let namespace = private.text_at(&["namespace"]);
    let account = private.get("serviceaccount")?;
    let (name, uid) = (account.text_at(&["name"]), account.text_at(&["uid"]));
    lives(store, "serviceaccounts", namespace, account)?;
    let mut user = UserInfo::service_account(namespace, name, uid);
    let mut extra = |key: &str, value: &str| {
        user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
    };
    for (claim, resource, key_prefix, scope) in
        [("pod", "pods", "pod", namespace), ("secret", "secrets", "", namespace), ("node", "nodes", "node", "")]
    {
        let Some(bound) = private.get(claim) else { continue };
        lives(store, resource, scope, bound)?;
        if !key_prefix.is_empty() {
            extra(&format!("{key_prefix}-name"), bound.text_at(&["name"]));
            extra(&format!("{key_prefix}-uid"), bound.text_at(&["uid"]));
        }
    }
    let id = format!("JTI={}", claims.text_at(&["jti"]));
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
    Some(user)
}

fn lives(store: &Store, resource: &str, namespace: &str, reference: &Value) -> Option<()> {
    let key = ObjectKey::new(namespace, reference.text_at(&["name"]));
    let stored = store.get(&GroupResource::new("", resource), &key)?;
    (stored.value.uid() == reference.text_at(&["uid"])).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    fn accounts() -> GroupResource {
        GroupResource::new("", "serviceaccounts")
    }

    fn store_with_bot() -> Store {
        let store = Store::default();
        let bot = json!({"metadata": {"name": "bot", "namespace": "ns", "uid": "u1"}});
        store.create(&accounts(), ObjectKey::new("ns", "bot"), bot).expect("the store is empty");
        store
    }

    fn spec(audiences: &[String]) -> TokenSpec<'_> {
        TokenSpec { namespace: "ns", name: "bot", uid: "u1", audiences, expiration_seconds: 600, bound: None }
    }

    #[test]
    fn a_token_is_valid_for_its_audience_until_it_expires() {
        let second = Arc::new(AtomicI64::new(1000));
        let clock = second.clone();
        let env = Env::deterministic(1, move || {
            Timestamp::from_second(clock.load(Ordering::Relaxed)).expect("a small number is a time")
        });
        let signer = TokenSigner::new(&env).expect("keys can be made");
        let (store, audiences) = (store_with_bot(), [ISSUER.to_owned()]);
        let token = signer.sign(&spec(&audiences)).expect("there is randomness");
        let verified = signer.verify(&store, &token, &audiences).expect("it is fresh");
        assert_eq!((verified.user.name.as_str(), verified.user.uid.as_str()), ("system:serviceaccount:ns:bot", "u1"));
        assert_eq!(verified.audiences, audiences);
        assert_eq!(signer.verify(&store, &token, &["other".to_owned()]), None);
        second.store(1600, Ordering::Relaxed);
        assert_eq!(signer.verify(&store, &token, &audiences), None);
    }

    #[test]
    fn a_key_that_was_kept_goes_on_verifying() {
        let env = Env::system();
        let key = TokenSigner::generate_key_pem().expect("keys can be made");
        let signer = || TokenSigner::from_key_pem(&env, &key).expect("it is a key");
        let (store, audiences) = (store_with_bot(), [ISSUER.to_owned()]);
        let token = signer().sign(&spec(&audiences)).expect("there is randomness");
        assert!(signer().verify(&store, &token, &audiences).is_some());
        assert!(TokenSigner::from_key_pem(&env, "nonsense").is_err());
    }

    #[test]
    fn a_token_dies_with_its_account_and_with_what_it_is_bound_to() {
        let signer = TokenSigner::new(&Env::system()).expect("keys can be made");
        let (store, audiences) = (store_with_bot(), [ISSUER.to_owned()]);
        let bound = BoundObject { claim: "pod", name: "p".to_owned(), uid: "u2".to_owned() };
        let token = signer.sign(&TokenSpec { bound: Some(bound), ..spec(&audiences) }).expect("there is randomness");
        assert_eq!(signer.verify(&store, &token, &audiences), None);
        let pod = json!({"metadata": {"name": "p", "namespace": "ns", "uid": "u2"}});
        store.create(&GroupResource::new("", "pods"), ObjectKey::new("ns", "p"), pod).expect("no pod yet");
        let user = signer.verify(&store, &token, &audiences).expect("the pod is there").user;
        assert_eq!(user.extra["authentication.kubernetes.io/pod-name"], ["p"]);
        store.delete(&accounts(), ObjectKey::new("ns", "bot"), 2, json!({})).expect("it is at 2");
        assert_eq!(signer.verify(&store, &token, &audiences), None);
    }

    #[test]
    fn a_changed_or_foreign_token_is_refused() {
        let signer = TokenSigner::new(&Env::system()).expect("keys can be made");
        let other = TokenSigner::new(&Env::system()).expect("keys can be made");
        let (store, audiences) = (store_with_bot(), [ISSUER.to_owned()]);
        let token = signer.sign(&spec(&audiences)).expect("there is randomness");
        assert!(other.verify(&store, &token, &audiences).is_none());
        for bad in ["", "a", "a.b", "a.b.c", "...", &token[..token.len() - 8], &token.replace("eyJ", "eyI")] {
            assert!(signer.verify(&store, bad, &audiences).is_none(), "{bad}");
        }
    }
}
