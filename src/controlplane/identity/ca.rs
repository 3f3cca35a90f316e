//! The certificate authority: the serving certificate, client certificates, and the TLS set-up of the server.
//!
//! Keys are EC P-256, which take well under a millisecond to make, so that every start can have fresh ones. They come
//! from the machine's randomness even where the rest is deterministic: keys that follow from a seed would be no keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::users::{AUTHENTICATED, CREDENTIAL_ID, UserInfo};
use crate::controlplane::env::Env;

/// The names under which clients reach the API server, beside the addresses.
const SERVING_NAMES: [&str; 5] =
    ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
/// The addresses: loopback, and the cluster IP of the Service `default/kubernetes`.
const SERVING_ADDRESSES: [IpAddr; 3] =
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))];
const CA_YEARS: i64 = 10;
const LEAF_YEARS: i64 = 1;

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A key or a certificate could not be made or read.
    #[error("failed to make a certificate")]
    Generate(#[from] rcgen::Error),
    /// The TLS library refused what was made.
    #[error("failed to set up TLS")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The verifier of client certificates could not be built.
    #[error("failed to set up the verification of client certificates")]
    Verifier(#[from] tokio_rustls::rustls::server::VerifierBuilderError),
}

/// A certificate with its key, as PEM texts.
#[derive(Clone)]
pub struct KeyedCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key (PKCS #8).
    pub key_pem: String,
    certificate_der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl std::fmt::Debug for KeyedCertificate {
    /// Leaves out the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedCertificate").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// The certificate authority of one control plane.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    certificate_der: CertificateDer<'static>,
    key_pem: String,
    env: Env,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// Returns a fresh authority.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(env: &Env) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let key_pem = key.serialize_pem();
        let mut params = params("rop-ca", None, env, CA_YEARS);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().clone(),
            key_pem,
            env: env.clone(),
        })
    }

    /// Returns the authority that an earlier run has kept, so that its kubeconfigs stay valid.
    ///
    /// # Errors
    /// When the texts are not a CA certificate and its key.
    pub fn from_pem(env: &Env, certificate_pem: &str, key_pem: &str) -> Result<Self, CertificateError> {
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, KeyPair::from_pem(key_pem)?)?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        Ok(Self {
            issuer,
            certificate_pem: certificate_pem.to_owned(),
            certificate_der: CertificateDer::from(pem.contents),
            key_pem: key_pem.to_owned(),
            env: env.clone(),
        })
    }

    /// Returns the CA certificate, which clients trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Returns the CA's key, for keeping.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Returns a client certificate: the user is the common name, the group is the organization (the library writes one
    /// at most; users with several groups get tokens).
    ///
    /// # Errors
    /// When no key can be made.
    pub fn client_certificate(&self, user: &str, group: Option<&str>) -> Result<KeyedCertificate, CertificateError> {
        let mut params = params(user, group, &self.env, LEAF_YEARS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    /// Returns a certificate for a server on this machine: the API server, or an operator's webhooks.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn serving_certificate(&self, more_names: &[&str]) -> Result<KeyedCertificate, CertificateError> {
        let mut params = params("rop", None, &self.env, LEAF_YEARS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for name in SERVING_NAMES.iter().chain(more_names) {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into()?),
            });
        }
        params.subject_alt_names.extend(SERVING_ADDRESSES.map(SanType::IpAddress));
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<KeyedCertificate, CertificateError> {
        let key = KeyPair::generate()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(KeyedCertificate {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate_der: certificate.der().clone(),
            key_der: key.serialize_der(),
        })
    }

    /// Returns the TLS set-up of the API server: HTTP/2 and HTTP/1.1, client certificates of this authority welcome but
    /// not required. A client certificate of somebody else's ends the handshake; upstream answers 401.
    ///
    /// # Errors
    /// When the TLS library refuses the certificate.
    pub fn server_config(&self, serving: &KeyedCertificate) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate_der.clone())?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(serving.key_der.clone()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![serving.certificate_der.clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Returns what all our certificates have in common. They are valid from yesterday, for clocks that are a little off.
fn params(common_name: &str, organization: Option<&str>, env: &Env, years: i64) -> CertificateParams {
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common_name);
    let today = env.now().to_zoned(TimeZone::UTC).date();
    let midnight = |date: Date| {
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = midnight(today.saturating_sub(1.day()));
    params.not_after = midnight(today.saturating_add(years.years()));
    params
}

/// Returns the user that a client certificate names, `system:authenticated` included; the TLS layer has verified it.
///
/// Source: `k8s.io/apiserver/pkg/authentication/request/x509/x509.go` (`CommonNameUserConversion`).
pub fn user_of_certificate(der: &[u8]) -> Option<UserInfo> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok().filter(|name| !name.is_empty())?;
    let groups = subject.iter_organization().filter_map(|value| value.as_str().ok());
    let mut user = UserInfo::new(name, groups);
    if !user.in_group(AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    let fingerprint: String = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("X509SHA256={fingerprint}")]);
    Some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_certificate_says_who_the_user_is() {
        let authority = Authority::new(&Env::system()).expect("keys can be made");
        let certificate = authority.client_certificate("ann", Some("devs")).expect("keys can be made");
        let user = user_of_certificate(&certificate.certificate_der).expect("it names a user");
        assert_eq!((user.name.as_str(), user.groups), ("ann", vec!["devs".to_owned(), AUTHENTICATED.to_owned()]));
        assert!(user.extra[CREDENTIAL_ID][0].starts_with("X509SHA256="));
        assert_eq!(user_of_certificate(b"nonsense"), None);
    }

    #[test]
    fn the_serving_certificate_is_version_3_and_names_the_server() {
        let authority = Authority::new(&Env::system()).expect("keys can be made");
        let serving = authority.serving_certificate(&["192.168.0.7", "rop.test"]).expect("the names are fine");
        let (_, certificate) = X509Certificate::from_der(&serving.certificate_der).expect("it is a certificate");
        assert_eq!(certificate.version().0, 2);
        let names = certificate.subject_alternative_name().expect("well formed").expect("present");
        assert_eq!(names.value.general_names.len(), SERVING_NAMES.len() + SERVING_ADDRESSES.len() + 2);
        authority.server_config(&serving).expect("rustls takes it");
    }

    #[test]
    fn an_authority_that_was_kept_goes_on_signing() {
        let env = Env::system();
        let first = Authority::new(&env).expect("keys can be made");
        let second = Authority::from_pem(&env, first.certificate_pem(), first.key_pem()).expect("they are its own");
        let signed = second.client_certificate("ann", None).expect("keys can be made");
        let (_, leaf) = X509Certificate::from_der(&signed.certificate_der).expect("it is a certificate");
        let (_, ca) = X509Certificate::from_der(&first.certificate_der).expect("it is a certificate");
        leaf.verify_signature(Some(ca.public_key())).expect("the first authority's key signed it");
    }
}
