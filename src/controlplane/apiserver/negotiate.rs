//! In which form an answer is wanted: `Accept` in, media type and representation out.
//!
//! Answers are written as JSON or YAML. Protobuf is accepted as a wish and answered with JSON, which every client that
//! speaks protobuf also reads; nothing is ever encoded as protobuf.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/handlers/negotiation`, `github.com/munnerz/goautoneg`, and, for the texts
//! that built-in resources give, `github.com/emicklei/go-restful`, as of Kubernetes 1.36.

use crate::controlplane::resources::Origin;
use crate::controlplane::status::{Details, Status};

/// How the bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaType {
    /// `application/json`.
    #[default]
    Json,
    /// `application/yaml`.
    Yaml,
}

impl MediaType {
    /// Returns the value for `Content-Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
        }
    }
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Representation {
    /// The object or list itself.
    #[default]
    Object,
    /// Rows for the command line.
    Table,
    /// Metadata of one object; in a watch, of each.
    PartialObjectMetadata,
    /// Metadata of a list.
    PartialObjectMetadataList,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// How the bytes are written.
    pub media_type: MediaType,
    /// What is written.
    pub representation: Representation,
    /// Whether the version of a table or of partial metadata is `v1beta1` instead of `v1`.
    pub beta: bool,
    /// Whether JSON is indented.
    pub pretty: bool,
}

impl Accepted {
    /// Returns the `apiVersion` of a table or of partial metadata.
    pub fn meta_api_version(&self) -> &'static str {
        if self.beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" }
    }
}

/// What kind of endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// One object, or a write.
    Object,
    /// A list.
    Collection,
    /// A watch.
    Watch,
}

/// Chooses the form of an answer.
///
/// # Errors
/// 406.
pub fn negotiate(accept: Option<&str>, endpoint: Endpoint, origin: &Origin) -> Result<Accepted, Status> {
    let accept = accept.unwrap_or_default();
    if *origin == Origin::BuiltIn {
        refuse_unproducible(accept, endpoint)?;
    }
    if accept.is_empty() {
        return Ok(Accepted::default());
    }
    parse(accept).iter().find_map(|clause| clause.accepted(endpoint)).ok_or_else(|| not_acceptable(endpoint))
}

/// Chooses the media type of a failure, which is JSON when nothing else fits.
pub fn for_failure(accept: Option<&str>) -> MediaType {
    let clauses = parse(accept.unwrap_or_default());
    let accepted = clauses.iter().filter(|clause| clause.parameter("as").is_none());
    accepted.filter_map(|clause| clause.media_types().next()).next().map_or(MediaType::Json, |(_, media)| media)
}

/// The forms of discovery documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiscoveryForm {
    /// `APIVersions` and `APIGroupList`.
    #[default]
    Plain,
    /// All groups, versions and resources in one document, `apidiscovery.k8s.io/v2`.
    AggregatedV2,
    /// The same as `v2beta1`.
    AggregatedV2Beta1,
}

/// Chooses the form of `/api` and `/apis`.
///
/// # Errors
/// 406.
pub fn negotiate_discovery(accept: Option<&str>) -> Result<(DiscoveryForm, MediaType), Status> {
    let accept = accept.unwrap_or_default();
    if accept.is_empty() {
        return Ok((DiscoveryForm::Plain, MediaType::Json));
    }
    let form = |clause: &Clause| match (clause.parameter("as"), clause.parameter("g"), clause.parameter("v")) {
        (None, None, None) => Some(DiscoveryForm::Plain),
        (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => Some(DiscoveryForm::AggregatedV2),
        (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2beta1")) => {
            Some(DiscoveryForm::AggregatedV2Beta1)
        }
        _ => None,
    };
    let choose = |clause: &Clause| {
        let (_, media_type) = clause.media_types().next()?;
        Some((form(clause)?, media_type))
    };
    parse(accept).iter().find_map(choose).ok_or_else(|| not_acceptable(Endpoint::Object))
}

/// Refuses what the router of built-in resources refuses: it knows `*/*` and full names, but no `application/*`.
fn refuse_unproducible(accept: &str, endpoint: Endpoint) -> Result<(), Status> {
    let mut produced = vec!["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
    if endpoint != Endpoint::Object {
        produced.extend(["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]);
    }
    let names = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
    let is_produced = |name: &str| name == "*/*" || produced.contains(&name);
    if accept.is_empty() || names.into_iter().any(is_produced) {
        return Ok(());
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", produced.join(", "));
    Err(Status::new(406, "NotAcceptable", message).with_details(Details::default()))
}

/// 406: no form that the client takes can be given.
pub(super) fn not_acceptable(endpoint: Endpoint) -> Status {
    let types = match endpoint {
        Endpoint::Watch => "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json, application/yaml, application/vnd.kubernetes.protobuf",
    };
    Status::new(406, "NotAcceptable", format!("only the following media types are accepted: {types}"))
}

/// One part of an `Accept` header.
#[derive(Debug, Clone, PartialEq)]
struct Clause<'a> {
    main_type: &'a str,
    sub_type: &'a str,
    quality: f32,
    parameters: Vec<(&'a str, &'a str)>,
}

/// The types that are written, and those that are answered with JSON.
const WRITTEN: [(&str, MediaType); 3] =
    [("json", MediaType::Json), ("yaml", MediaType::Yaml), ("vnd.kubernetes.protobuf", MediaType::Json)];

impl Clause<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn media_types(&self) -> impl Iterator<Item = (&'static str, MediaType)> {
        let any = self.sub_type == "*";
        let is_application = self.main_type == "application" || (self.main_type == "*" && any);
        WRITTEN.into_iter().filter(move |(name, _)| is_application && (any || *name == self.sub_type))
    }

    /// Returns the form that this clause asks for, if it can be given.
    fn accepted(&self, endpoint: Endpoint) -> Option<Accepted> {
        self.media_types().find_map(|(name, media_type)| {
            if self.parameter("stream").is_some_and(|stream| stream != "watch" || name == "yaml") {
                return None;
            }
            if endpoint == Endpoint::Watch && name == "yaml" {
                return None;
            }
            let (representation, beta) = self.representation(name)?;
            Some(Accepted { media_type, representation, beta, pretty: self.parameter("pretty") == Some("1") })
        })
    }

    fn representation(&self, sub_type: &str) -> Option<(Representation, bool)> {
        let (kind, group, version) = (self.parameter("as"), self.parameter("g"), self.parameter("v"));
        if kind.is_none() && group.is_none() && version.is_none() {
            return Some((Representation::Object, false));
        }
        let beta = match (group, version) {
            (Some("meta.k8s.io"), Some("v1")) => false,
            (Some("meta.k8s.io"), Some("v1beta1")) => true,
            _ => return None,
        };
        let representation = match kind? {
            "Table" if sub_type != "vnd.kubernetes.protobuf" => Representation::Table,
            "PartialObjectMetadata" => Representation::PartialObjectMetadata,
            "PartialObjectMetadataList" => Representation::PartialObjectMetadataList,
            _ => return None,
        };
        Some((representation, beta))
    }

    /// Upstream's order, which is no proper one: quality, then names before wildcards, each by itself.
    fn precedes(&self, other: &Self) -> bool {
        self.quality > other.quality
            || (self.main_type != "*" && other.main_type == "*")
            || (self.sub_type != "*" && other.sub_type == "*")
    }
}

/// Reads a header, best clauses first. Clauses that are no media types are left out.
fn parse(header: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = Vec::new();
    for clause in header.split(',').filter_map(parse_clause) {
        // An insertion sort, as Go sorts short lists: it matters, since the order is no proper one.
        let mut place = clauses.len();
        while place > 0 && clause.precedes(&clauses[place - 1]) {
            place -= 1;
        }
        clauses.insert(place, clause);
    }
    clauses
}

fn parse_clause(text: &str) -> Option<Clause<'_>> {
    let mut parts = text.trim().split(';');
    let name = parts.next()?.trim();
    let (main_type, sub_type) = match name.split_once('/') {
        None if name == "*" => ("*", "*"),
        None => return None,
        Some((_, sub_type)) if sub_type.contains('/') => return None,
        Some((main_type, sub_type)) => (main_type.trim(), sub_type.trim()),
    };
    let mut clause = Clause { main_type, sub_type, quality: 1.0, parameters: Vec::new() };
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        match key.trim() {
            "q" => clause.quality = value.trim().parse().unwrap_or(0.0),
            key => clause.parameters.push((key, value.trim())),
        }
    }
    Some(clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

    #[track_caller]
    fn check(accept: &str, media_type: MediaType, representation: Representation) {
        let accepted = negotiate(Some(accept), Endpoint::Object, &Origin::BuiltIn).expect("it is acceptable");
        assert_eq!((accepted.media_type, accepted.representation), (media_type, representation), "{accept}");
    }

    #[track_caller]
    fn check_refused(accept: &str, endpoint: Endpoint, start: &str) {
        let status = negotiate(Some(accept), endpoint, &Origin::BuiltIn).expect_err("it is not acceptable");
        assert_eq!((status.code, status.reason), (406, "NotAcceptable"));
        assert!(status.message.starts_with(start), "{}", status.message);
    }

    #[test]
    fn media_types_are_chosen_by_quality_and_name() {
        use Representation::Object;
        check("", MediaType::Json, Object);
        check("*/*", MediaType::Json, Object);
        check(" application/json ", MediaType::Json, Object);
        check("application/json;q=0.1,application/yaml;q=0.9", MediaType::Yaml, Object);
        check("application/xml;q=0.9, */*;q=0.1", MediaType::Json, Object);
        check("application/vnd.kubernetes.protobuf,application/json", MediaType::Json, Object);
        check("application/vnd.kubernetes.protobuf", MediaType::Json, Object);
    }

    #[test]
    fn representations_are_chosen_by_parameters() {
        check(TABLE, MediaType::Json, Representation::Table);
        check("application/yaml;as=Table;v=v1;g=meta.k8s.io", MediaType::Yaml, Representation::Table);
        check("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", MediaType::Json, Representation::Object);
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        check(metadata, MediaType::Json, Representation::PartialObjectMetadata);
        let beta = "application/json;as=Table;v=v1beta1;g=meta.k8s.io";
        let accepted = negotiate(Some(beta), Endpoint::Collection, &Origin::BuiltIn).expect("it is acceptable");
        assert_eq!(accepted.meta_api_version(), "meta.k8s.io/v1beta1");
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for accept in ["text/html", "application/*", "application/cbor", "garbage"] {
            check_refused(
                accept,
                Endpoint::Object,
                "406: Not Acceptable\n\nAvailable representations: application/json",
            );
        }
        let accept = "application/json;as=PartialObjectMetadata;v=v9;g=meta.k8s.io";
        check_refused(accept, Endpoint::Object, "only the following media types are accepted: application/json, app");
        check_refused("application/yaml", Endpoint::Watch, "only the following media types are accepted");
        let custom = Origin::Custom { crd: String::new() };
        assert!(negotiate(Some("application/*"), Endpoint::Object, &custom).is_ok());
    }

    #[test]
    fn failures_are_yaml_only_when_yaml_comes_first() {
        assert_eq!(for_failure(Some("application/yaml")), MediaType::Yaml);
        assert_eq!(for_failure(Some("application/yaml;as=Table;v=v1;g=meta.k8s.io")), MediaType::Json);
        assert_eq!((for_failure(Some("text/html")), for_failure(None)), (MediaType::Json, MediaType::Json));
    }

    #[test]
    fn discovery_is_aggregated_on_demand() {
        let kubectl = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;\
                       g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
        let form = |accept: &str| negotiate_discovery(Some(accept)).expect("it is acceptable").0;
        assert_eq!(form(kubectl), DiscoveryForm::AggregatedV2);
        assert_eq!(form("application/json"), DiscoveryForm::Plain);
        assert_eq!(form("*/*"), DiscoveryForm::Plain);
        assert_eq!(negotiate_discovery(Some("text/html")).expect_err("it is no form of discovery").code, 406);
    }
}
