//! ConfigMaps and Secrets.
//!
//! Source: `ValidateConfigMap` and `ValidateSecret` of `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`,
//! Kubernetes 1.36.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;

const MAX_LEN: usize = 1024 * 1024;
const IMMUTABLE_WHEN_SET: &str = "field is immutable when `immutable` is set";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// ConfigMaps.
pub(super) const CONFIG_MAP: Kind =
    Kind { validate: validate_config_map, validate_update: validate_config_map_update, ..Kind::PLAIN };

/// Secrets.
pub(super) const SECRET: Kind = Kind {
    defaults: default_secret,
    update: |secret, old| {
        // Emptied types fall back to the old one, which clients that know no types rely on.
        if secret.text_at(&["type"]).is_empty() {
            secret.put("type", old.text_at(&["type"]));
        }
    },
    validate: validate_secret,
    validate_update: validate_secret_update,
    ..Kind::PLAIN
};

/// Returns what keeps a text from being a key of a ConfigMap.
pub(super) fn is_config_key(key: &str) -> Vec<String> {
    let mut details = Vec::new();
    if key.len() > 253 {
        details.push("must be no more than 253 bytes".to_owned());
    }
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        details.push(CONFIG_KEY.to_owned());
    } else if key == "." {
        details.push("must not be '.'".to_owned());
    } else if key == ".." {
        details.push("must not be '..'".to_owned());
    } else if key.starts_with("..") {
        details.push("must not start with '..'".to_owned());
    }
    details
}

fn validate_config_map(map: &Field<'_>, found: &mut Findings) {
    let binary = map.get("binaryData");
    let mut len = 0;
    for (key, value) in map.get("data").entries() {
        validate_key(key, &value, found);
        if binary.get(key).is_set() {
            found.invalid_value(&value, &key.into(), "duplicate of key present in binaryData");
        }
        len += value.text().len();
    }
    for (key, value) in binary.entries() {
        validate_key(key, &value, found);
        len += decoded_len(value.text());
    }
    validate_len(len, "[]", found);
}

fn validate_key(key: &str, entry: &Field<'_>, found: &mut Findings) {
    is_config_key(key).into_iter().for_each(|detail| found.invalid_value(entry, &key.into(), detail));
}

fn validate_len(len: usize, field: &str, found: &mut Findings) {
    if len > MAX_LEN {
        found.0.push(FieldError::too_long(field, MAX_LEN as u64));
    }
}

/// Returns how many bytes a base64 text stands for.
fn decoded_len(text: &str) -> usize {
    (text.len() / 4 * 3).saturating_sub(text.bytes().rev().take_while(|b| *b == b'=').count().min(2))
}

fn validate_config_map_update(map: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    validate_frozen(map, old, &["data", "binaryData"], found);
}

/// What is immutable stays so, and what it holds too.
fn validate_frozen(new: &Field<'_>, old: &Field<'_>, fields: &[&str], found: &mut Findings) {
    if !old.get("immutable").is_true() {
        return;
    }
    if !new.get("immutable").is_true() {
        found.forbidden(&new.get("immutable"), IMMUTABLE_WHEN_SET);
    }
    for field in fields {
        if new.get(field).value != old.get(field).value {
            found.forbidden(&new.get(field), IMMUTABLE_WHEN_SET);
        }
    }
}

/// `stringData` is written, never read: it ends up in `data`.
fn default_secret(secret: &mut Value) {
    secret.default("type", "Opaque");
    let Some(texts) = secret.get("stringData").and_then(Value::as_object).cloned() else { return };
    secret.drop_field("stringData");
    let data = secret.make("data");
    for (key, text) in &texts {
        data.put(key, STANDARD.encode(text.as_str().unwrap_or_default()));
    }
}

fn validate_secret(secret: &Field<'_>, found: &mut Findings) {
    let data = secret.get("data");
    let mut len = 0;
    for (key, value) in data.entries() {
        validate_key(key, &value, found);
        len += decoded_len(value.text());
    }
    validate_len(len, "data", found);
    let mut need = |key: &str| {
        if !data.get(key).is_set() {
            found.0.push(FieldError::required(format!("data[{key}]"), ""));
        }
    };
    match secret.get("type").text() {
        "kubernetes.io/service-account-token" => {
            let annotation = secret.at(&["metadata", "annotations", "kubernetes.io/service-account.name"]);
            if annotation.is_empty() {
                let field = "metadata.annotations[kubernetes.io/service-account.name]";
                found.0.push(FieldError::required(field, ""));
            }
        }
        "kubernetes.io/dockercfg" => need(".dockercfg"),
        "kubernetes.io/dockerconfigjson" => need(".dockerconfigjson"),
        "kubernetes.io/ssh-auth" => need("ssh-privatekey"),
        "kubernetes.io/tls" => {
            need("tls.crt");
            need("tls.key");
        }
        "kubernetes.io/basic-auth" if !data.get("username").is_set() && !data.get("password").is_set() => {
            need("username");
            need("password");
        }
        _ => {}
    }
}

fn validate_secret_update(secret: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    found.immutable(&secret.get("type"), &old.get("type"));
    validate_frozen(secret, old, &["data"], found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn string_data_ends_up_in_data() {
        let mut secret = json!({"stringData": {"a": "x"}, "data": {"a": "b2xk", "b": "Yg=="}});
        default_secret(&mut secret);
        assert_eq!(secret, json!({"type": "Opaque", "data": {"a": "eA==", "b": "Yg=="}}));
    }

    #[test]
    fn the_length_of_binary_data_is_that_of_the_bytes() {
        assert_eq!(["", "eA==", "eHg=", "eHh4"].map(decoded_len), [0, 1, 2, 3]);
        assert_eq!(decoded_len("="), 0);
    }

    #[test]
    fn an_immutable_map_can_only_be_deleted() {
        let (old, new) = (json!({"immutable": true, "data": {"a": "1"}}), json!({"data": {"a": "2"}}));
        let mut found = Findings::default();
        validate_config_map_update(&Field::root(&new), &Field::root(&old), &mut found);
        let texts: Vec<String> = found.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set"
            ]
        );
    }
}
