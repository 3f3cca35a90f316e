//! The text of a kubeconfig for a user of this control plane. Writing it to a file is not done here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ca::KeyedCertificate;

/// How the user of a kubeconfig proves who it is.
#[derive(Debug, Clone)]
pub enum Credentials<'a> {
    /// By a client certificate.
    Certificate(&'a KeyedCertificate),
    /// By a bearer token.
    Token(&'a str),
    /// By an administrator's certificate, impersonating somebody.
    Impersonate {
        /// The administrator's.
        admin: &'a KeyedCertificate,
        /// The user that requests are made as.
        user: &'a str,
    },
}

/// What a kubeconfig says.
#[derive(Debug, Clone)]
pub struct Kubeconfig<'a> {
    /// The name of the control plane; cluster, user and context are called `rop-<name>`.
    pub name: &'a str,
    /// The URL, `https://127.0.0.1:6443`.
    pub server: &'a str,
    /// The CA certificate.
    pub ca_pem: &'a str,
    /// The namespace of commands that name none.
    pub namespace: &'a str,
    /// Who the user is.
    pub credentials: Credentials<'a>,
}

impl Kubeconfig<'_> {
    /// Returns the file's text: JSON, which is YAML.
    pub fn to_text(&self) -> String {
        let name = format!("rop-{}", self.name);
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {
                "server": self.server, "certificate-authority-data": STANDARD.encode(self.ca_pem),
            }}],
            "users": [{"name": name, "user": self.credentials.to_value()}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": self.namespace}}],
            "current-context": name,
        });
        format!("{kubeconfig:#}\n")
    }
}

impl Credentials<'_> {
    fn to_value(&self) -> Value {
        match self {
            Self::Token(token) => json!({"token": token}),
            Self::Certificate(certificate) => certificate_value(certificate),
            Self::Impersonate { admin, user } => {
                let mut value = certificate_value(admin);
                value["as"] = (*user).into();
                value
            }
        }
    }
}

fn certificate_value(certificate: &KeyedCertificate) -> Value {
    json!({
        "client-certificate-data": STANDARD.encode(&certificate.certificate_pem),
        "client-key-data": STANDARD.encode(&certificate.key_pem),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_names_one_context_after_the_control_plane() {
        let text = Kubeconfig {
            name: "demo",
            server: "https://127.0.0.1:6443",
            ca_pem: "CA",
            namespace: "default",
            credentials: Credentials::Token("t"),
        }
        .to_text();
        let value: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(value["current-context"], "rop-demo");
        assert_eq!(value["users"][0], json!({"name": "rop-demo", "user": {"token": "t"}}));
        assert_eq!(value["clusters"][0]["cluster"]["certificate-authority-data"], "Q0E=");
    }
}
