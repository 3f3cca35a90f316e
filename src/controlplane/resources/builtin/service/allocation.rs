//! Handing out addresses and node ports.
//!
//! What is taken follows from the stored services; the [`Ledger`] holds only what has been handed out to a service that
//! is not stored yet. So nothing must be given back, and nothing is lost when a write fails.
//!
//! Source: `k8s.io/kubernetes/pkg/registry/core/service/storage/alloc.go`, Kubernetes 1.36.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::change::node_ports;
use super::{needs_cluster_ip, needs_health_check_port, needs_node_ports};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::resources::Allocation;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::schema::field_error::FieldError;

/// The network of services: 10.0.0.0/24.
const NETWORK: [u8; 3] = [10, 0, 0];
/// The lower part of the network is left to addresses that are asked for.
const FIRST_DYNAMIC: u8 = 17;
const LAST_HOST: u8 = 254;
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30000..=32767;
/// After this time what was handed out counts as given back, if no service has it.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// What has been handed out to services that are not stored yet, by address or port.
#[derive(Debug, Default)]
pub(in crate::controlplane::resources::builtin) struct Ledger(Mutex<BTreeMap<String, Claim>>);

#[derive(Debug)]
struct Claim {
    uid: String,
    since: Timestamp,
}

/// What no other service may get.
struct Taken {
    ips: BTreeSet<String>,
    ports: BTreeSet<i64>,
}

/// Gives a service what its type needs; returns the findings about what it asks for and cannot have.
pub(in crate::controlplane::resources::builtin) fn allocate(
    ledger: &Ledger,
    allocation: &Allocation<'_>,
    service: &mut Value,
    _old: Option<&Value>,
) -> Vec<FieldError> {
    if !needs_cluster_ip(service) {
        return Vec::new();
    }
    default_families(service);
    let services = (allocation.list)(&GroupResource::new("", "services"));
    // No code panics with the lock held; a poisoned ledger is as good as any.
    let mut claims = ledger.0.lock().unwrap_or_else(PoisonError::into_inner);
    let now = allocation.env.now();
    claims.retain(|_, claim| {
        now.duration_since(claim.since) < FORGOTTEN_AFTER && !services.iter().any(|service| service.uid() == claim.uid)
    });
    let mut request =
        Request { allocation, taken: taken(&services, &claims, service.uid()), found: Vec::new(), given: Vec::new() };
    request.cluster_ip(service);
    if needs_node_ports(service) {
        request.node_ports(service);
    }
    if needs_health_check_port(service) {
        request.health_check_port(service);
    }
    if !allocation.dry_run && request.found.is_empty() {
        let uid = service.uid().to_owned();
        claims.extend(request.given.into_iter().map(|key| (key, Claim { uid: uid.clone(), since: now })));
    }
    request.found
}

fn taken(services: &[Arc<Value>], claims: &BTreeMap<String, Claim>, uid: &str) -> Taken {
    let mut taken = Taken { ips: BTreeSet::new(), ports: BTreeSet::new() };
    for service in services.iter().filter(|service| service.uid() != uid) {
        let ips = service.at(&["spec", "clusterIPs"]).and_then(Value::as_array).into_iter().flatten();
        taken.ips.extend(ips.filter_map(Value::as_str).map(str::to_owned));
        taken.ports.extend(node_ports(service).filter_map(|port| port.as_i64()));
        taken.ports.extend(service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64));
    }
    for (key, _) in claims.iter().filter(|(_, claim)| claim.uid != uid) {
        match key.parse() {
            Ok(port) => drop(taken.ports.insert(port)),
            Err(_) => drop(taken.ips.insert(key.clone())),
        }
    }
    taken
}

/// The cluster has one family. Headless services that select nothing are said to have both, as upstream does.
fn default_families(service: &mut Value) {
    let selects = service.at(&["spec", "selector"]).and_then(Value::as_object).is_some_and(|map| !map.is_empty());
    let headless = service.text_at(&["spec", "clusterIP"]) == "None";
    let spec = service.make("spec");
    if headless && !selects {
        spec.default("ipFamilies", json!(["IPv4", "IPv6"]));
        spec.default("ipFamilyPolicy", "RequireDualStack");
    } else {
        spec.default("ipFamilies", json!(["IPv4"]));
        spec.default("ipFamilyPolicy", "SingleStack");
    }
}

struct Request<'a> {
    allocation: &'a Allocation<'a>,
    taken: Taken,
    found: Vec<FieldError>,
    given: Vec<String>,
}

impl Request<'_> {
    fn cluster_ip(&mut self, service: &mut Value) {
        let asked = service.text_at(&["spec", "clusterIP"]).to_owned();
        let ip = match asked.as_str() {
            "None" => return,
            "" => self.free_ip(),
            ip => self.check_ip(ip).map(|()| ip.to_owned()),
        };
        match ip {
            Ok(ip) => {
                let spec = service.make("spec");
                spec.put("clusterIP", ip.as_str());
                spec.put("clusterIPs", json!([ip]));
                self.given.push(ip);
            }
            Err(why) => {
                let ips = service.at(&["spec", "clusterIPs"]).cloned().unwrap_or_else(|| json!([]));
                self.found.push(FieldError::invalid(
                    "spec.clusterIPs",
                    &ips,
                    format!("failed to allocate IP {asked}: {why}"),
                ));
            }
        }
    }

    fn check_ip(&self, ip: &str) -> Result<(), String> {
        let in_range = matches!(ip.parse(), Ok(IpAddr::V4(ip)) if ip.octets()[..3] == NETWORK);
        match () {
            () if self.allocation.dry_run => Ok(()),
            () if !in_range => Err(format!(
                "the provided network does not match the current range: the provided IP ({ip}) is not in the valid range. The range of valid IPs is 10.0.0.0/24"
            )),
            () if self.taken.ips.contains(ip) => Err("provided IP is already allocated".to_owned()),
            () => Ok(()),
        }
    }

    /// Starts at a random place, and takes the lower part of the network only when the upper one is full.
    fn free_ip(&self) -> Result<String, String> {
        let span = u64::from(LAST_HOST - FIRST_DYNAMIC) + 1;
        let start = self.allocation.env.random() % span;
        let upper = (0..span).map(|step| FIRST_DYNAMIC + ((start + step) % span) as u8);
        let mut candidates = upper
            .chain(2..FIRST_DYNAMIC)
            .map(|host| Ipv4Addr::new(NETWORK[0], NETWORK[1], NETWORK[2], host).to_string());
        candidates.find(|ip| !self.taken.ips.contains(ip)).ok_or_else(|| "range is full".to_owned())
    }

    fn node_ports(&mut self, service: &mut Value) {
        let Some(Value::Array(ports)) = service.make("spec").get_mut("ports") else { return };
        for (index, port) in ports.iter_mut().enumerate() {
            let asked = port.get("nodePort").and_then(Value::as_i64).unwrap_or(0);
            let field = format!("spec.ports[{index}].nodePort");
            // One port serves several protocols of the same service.
            let shared = self.given.contains(&asked.to_string());
            match self.port(asked, shared) {
                Ok(number) => port.put("nodePort", number),
                Err(why) => self.found.push(FieldError::invalid(field, &asked.into(), why)),
            }
        }
    }

    fn health_check_port(&mut self, service: &mut Value) {
        let asked = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0);
        match self.port(asked, false) {
            Ok(number) => service.make("spec").put("healthCheckNodePort", number),
            Err(why) => self.found.push(FieldError::invalid("spec.healthCheckNodePort", &asked.into(), why)),
        }
    }

    fn port(&mut self, asked: i64, shared: bool) -> Result<i64, String> {
        let number = match asked {
            0 => self.free_port().ok_or("range is full")?,
            asked if self.allocation.dry_run || shared => asked,
            asked if !NODE_PORTS.contains(&asked) => {
                return Err(
                    "provided port is not in the valid range. The range of valid ports is 30000-32767".to_owned()
                );
            }
            asked if self.taken.ports.contains(&asked) => return Err("provided port is already allocated".to_owned()),
            asked => asked,
        };
        self.taken.ports.insert(number);
        self.given.push(number.to_string());
        Ok(number)
    }

    fn free_port(&self) -> Option<i64> {
        let span = NODE_PORTS.end() - NODE_PORTS.start() + 1;
        let start = (self.allocation.env.random() % span.unsigned_abs()) as i64;
        (0..span).map(|step| NODE_PORTS.start() + (start + step) % span).find(|port| !self.taken.ports.contains(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::env::Env;

    fn service(uid: &str, spec: Value) -> Value {
        json!({"metadata": {"name": uid, "uid": uid}, "spec": spec})
    }

    struct Cluster {
        env: Env,
        ledger: Ledger,
        stored: Vec<Arc<Value>>,
    }

    impl Cluster {
        fn new() -> Self {
            Self { env: Env::deterministic(1, || Timestamp::UNIX_EPOCH), ledger: Ledger::default(), stored: Vec::new() }
        }

        fn allocate(&self, service: &mut Value, dry_run: bool) -> Vec<String> {
            let stored = self.stored.clone();
            let list = move |_: &GroupResource| stored.clone();
            let allocation = Allocation { env: &self.env, list: &list, dry_run };
            allocate(&self.ledger, &allocation, service, None).iter().map(ToString::to_string).collect()
        }
    }

    #[test]
    fn every_service_gets_an_address_of_its_own() {
        let cluster = Cluster::new();
        let mut seen = BTreeSet::new();
        for index in 0..253 {
            let mut service = service(&format!("u{index}"), json!({"type": "ClusterIP"}));
            assert_eq!(cluster.allocate(&mut service, false), Vec::<String>::new());
            assert!(seen.insert(service["spec"]["clusterIP"].to_string()));
        }
        let found = cluster.allocate(&mut service("u", json!({"type": "ClusterIP"})), false);
        assert_eq!(found, ["spec.clusterIPs: Invalid value: []: failed to allocate IP : range is full"]);
    }

    #[test]
    fn an_address_that_a_stored_service_has_is_refused() {
        let mut cluster = Cluster::new();
        let spec = json!({"type": "ClusterIP", "clusterIP": "10.0.0.211", "clusterIPs": ["10.0.0.211"]});
        cluster.stored.push(Arc::new(service("a", spec.clone())));
        assert_eq!(
            cluster.allocate(&mut service("b", spec.clone()), false),
            [
                "spec.clusterIPs: Invalid value: [\"10.0.0.211\"]: failed to allocate IP 10.0.0.211: provided IP is already allocated"
            ]
        );
        assert!(cluster.allocate(&mut service("a", spec), false).is_empty(), "its own is fine");
    }

    #[test]
    fn a_dry_run_keeps_nothing() {
        let cluster = Cluster::new();
        let spec = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]});
        assert!(cluster.allocate(&mut service("a", spec.clone()), true).is_empty());
        assert!(cluster.allocate(&mut service("b", spec.clone()), false).is_empty());
        assert_eq!(
            cluster.allocate(&mut service("c", spec), false),
            ["spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"]
        );
    }
}
