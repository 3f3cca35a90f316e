//! IP addresses and networks.
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/{ip,cidr}.go`, Kubernetes 1.36.

use std::fmt;
use std::net::IpAddr;

use super::super::interpreter::Outcome;
use super::super::value::{Failure, Value};
use super::no_such;

/// An IP address.
pub(in super::super) type Ip = IpAddr;

/// An address and how many of its bits name the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

pub(super) fn function<'a>(name: &str, args: &[Value<'a>]) -> Outcome<'a> {
    if let ("ip", [Value::Cidr(cidr)]) = (name, args) {
        return Ok(Value::Ip(cidr.address));
    }
    let Some(text) = args.first().and_then(Value::as_str) else { return no_such() };
    match name {
        "isIP" => match args.get(1) {
            Some(Value::Int(version)) => Ok(Value::Bool(parse_ip(text).is_ok_and(|ip| family(ip) == *version))),
            _ => Ok(Value::Bool(parse_ip(text).is_ok())),
        },
        "ip" => parse_ip(text).map(Value::Ip),
        "isCIDR" => Ok(Value::Bool(parse_cidr(text).is_ok())),
        _ => parse_cidr(text).map(Value::Cidr),
    }
}

pub(super) fn is_canonical<'a>(text: &str) -> Outcome<'a> {
    parse_ip(text).map(|ip| Value::Bool(ip.to_string() == text))
}

pub(super) fn ip_method<'a>(name: &str, ip: Ip) -> Outcome<'a> {
    Ok(match name {
        "family" => Value::Int(family(ip)),
        "isUnspecified" => Value::Bool(ip.is_unspecified()),
        "isLoopback" => Value::Bool(ip.is_loopback()),
        "isLinkLocalMulticast" => Value::Bool(match ip {
            IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
            IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
        }),
        "isLinkLocalUnicast" => Value::Bool(is_link_local(ip)),
        "isGlobalUnicast" => {
            let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
            Value::Bool(
                !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || broadcast || is_link_local(ip)),
            )
        }
        _ => return no_such(),
    })
}

pub(super) fn cidr_method<'a>(name: &str, cidr: Cidr, args: &[Value<'a>]) -> Outcome<'a> {
    match (name, args) {
        ("ip", []) => Ok(Value::Ip(cidr.address)),
        ("prefixLength", []) => Ok(Value::Int(i64::from(cidr.prefix))),
        ("masked", []) => Ok(Value::Cidr(masked(cidr))),
        ("containsIP", [Value::Ip(ip)]) => Ok(Value::Bool(contains(cidr, *ip))),
        ("containsIP", [text]) => parse_ip(text.as_str().unwrap_or_default()).map(|ip| Value::Bool(contains(cidr, ip))),
        ("containsCIDR", [other]) => {
            let other = match other {
                Value::Cidr(other) => *other,
                text => parse_cidr(text.as_str().unwrap_or_default())?,
            };
            Ok(Value::Bool(contains(cidr, other.address) && cidr.prefix <= other.prefix))
        }
        _ => no_such(),
    }
}

fn family(ip: Ip) -> i64 {
    if ip.is_ipv4() { 4 } else { 6 }
}

fn is_link_local(ip: Ip) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// Zones and IPv4 addresses mapped into IPv6 are refused, as upstream does.
fn parse_ip(text: &str) -> Result<Ip, Failure> {
    let ip: Ip = text.parse().map_err(|_| {
        format!(
            "IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): unable to parse IP"
        )
    })?;
    match ip {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed"))
        }
        _ => Ok(ip),
    }
}

fn parse_cidr(text: &str) -> Result<Cidr, Failure> {
    let invalid =
        || format!("CIDR {text:?} parse error during conversion from string: netip.ParsePrefix({text:?}): no '/'");
    let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
    let address = parse_ip(address)?;
    let is_number = !prefix.is_empty()
        && prefix.bytes().all(|byte| byte.is_ascii_digit())
        && (prefix == "0" || !prefix.starts_with('0'));
    let max = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.parse::<u8>().ok().filter(|prefix| is_number && *prefix <= max).ok_or_else(invalid)?;
    Ok(Cidr { address, prefix })
}

fn masked(cidr: Cidr) -> Cidr {
    Cidr { address: mask(cidr.address, cidr.prefix), ..cidr }
}

fn mask(ip: Ip, prefix: u8) -> Ip {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((u128::from(ip) & mask).into())
        }
    }
}

fn contains(cidr: Cidr, ip: Ip) -> bool {
    cidr.address.is_ipv4() == ip.is_ipv4() && mask(ip, cidr.prefix) == mask(cidr.address, cidr.prefix)
}
