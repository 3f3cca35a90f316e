//! The functions of the environment of CRD rules, with their types.
//!
//! What is not in this table does not exist for a rule, so that a CRD that uses it is refused when it is created:
//! `math`, `base64`, `jsonpatch` and `cel.bind` are not part of upstream's environment either.
//!
//! Source: `k8s.io/apiserver/pkg/cel/{environment/base.go,library}`, Kubernetes 1.36, and cel-go's standard library.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::types::{CIDR, FORMAT, IP, QUANTITY, SEMVER, Type, URL};

/// One way to call a function. Type parameters are [`Type::Var`]s from 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Overload {
    /// The type before the dot, for a method.
    pub target: Option<Type>,
    pub args: Vec<Type>,
    pub result: Type,
}

/// Returns the overloads of a function; empty when there is no such function.
pub(super) fn overloads(function: &str) -> &'static [Overload] {
    static ALL: LazyLock<BTreeMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
        let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, rest) in lines.filter_map(|line| line.split_once(' ')) {
            all.entry(name).or_default().extend(rest.split(';').filter_map(|text| Reader { text }.overload()));
        }
        all
    });
    ALL.get(function).map(Vec::as_slice).unwrap_or_default()
}

/// A function a line: name, then `target.(arguments) result`, the ways to call it separated by semicolons.
const TABLE: &str = "
!_ (bool) bool
_&&_ (bool, bool) bool
_||_ (bool, bool) bool
_?_:_ (bool, A, A) A
_==_ (A, A) bool
_!=_ (A, A) bool
_<_ (bool, bool) bool; (int, int) bool; (uint, uint) bool; (double, double) bool; (string, string) bool; (bytes, bytes) bool; (timestamp, timestamp) bool; (duration, duration) bool
_<_ (int, uint) bool; (int, double) bool; (uint, int) bool; (uint, double) bool; (double, int) bool; (double, uint) bool
_<=_ (bool, bool) bool; (int, int) bool; (uint, uint) bool; (double, double) bool; (string, string) bool; (bytes, bytes) bool; (timestamp, timestamp) bool; (duration, duration) bool
_<=_ (int, uint) bool; (int, double) bool; (uint, int) bool; (uint, double) bool; (double, int) bool; (double, uint) bool
_>_ (bool, bool) bool; (int, int) bool; (uint, uint) bool; (double, double) bool; (string, string) bool; (bytes, bytes) bool; (timestamp, timestamp) bool; (duration, duration) bool
_>_ (int, uint) bool; (int, double) bool; (uint, int) bool; (uint, double) bool; (double, int) bool; (double, uint) bool
_>=_ (bool, bool) bool; (int, int) bool; (uint, uint) bool; (double, double) bool; (string, string) bool; (bytes, bytes) bool; (timestamp, timestamp) bool; (duration, duration) bool
_>=_ (int, uint) bool; (int, double) bool; (uint, int) bool; (uint, double) bool; (double, int) bool; (double, uint) bool
-_ (int) int; (double) double
_+_ (int, int) int; (uint, uint) uint; (double, double) double; (string, string) string; (bytes, bytes) bytes
_+_ (list(A), list(A)) list(A); (timestamp, duration) timestamp; (duration, timestamp) timestamp; (duration, duration) duration
_-_ (int, int) int; (uint, uint) uint; (double, double) double; (timestamp, timestamp) duration
_-_ (timestamp, duration) timestamp; (duration, duration) duration
_*_ (int, int) int; (uint, uint) uint; (double, double) double
_/_ (int, int) int; (uint, uint) uint; (double, double) double
_%_ (int, int) int; (uint, uint) uint
@in (A, list(A)) bool; (A, map(A, B)) bool
_[_] (list(A), int) A; (map(A, B), A) B; (optional(list(A)), int) optional(A); (optional(map(A, B)), A) optional(B)
_[?_] (list(A), int) optional(A); (map(A, B), A) optional(B); (optional(list(A)), int) optional(A); (optional(map(A, B)), A) optional(B)
size (string) int; (bytes) int; (list(A)) int; (map(A, B)) int; string.() int; bytes.() int; list(A).() int; map(A, B).() int
type (A) type
dyn (A) dyn
bool (bool) bool; (string) bool
int (int) int; (uint) int; (double) int; (string) int; (timestamp) int
uint (uint) uint; (int) uint; (double) uint; (string) uint
double (double) double; (int) double; (uint) double; (string) double
string (string) string; (int) string; (uint) string; (double) string; (bool) string; (bytes) string; (timestamp) string
string (duration) string; (IP) string; (CIDR) string
bytes (bytes) bytes; (string) bytes
duration (duration) duration; (string) duration
timestamp (timestamp) timestamp; (string) timestamp; (int) timestamp
contains string.(string) bool
startsWith string.(string) bool
endsWith string.(string) bool
matches string.(string) bool; (string, string) bool
getFullYear timestamp.() int; timestamp.(string) int
getMonth timestamp.() int; timestamp.(string) int
getDayOfYear timestamp.() int; timestamp.(string) int
getDayOfMonth timestamp.() int; timestamp.(string) int
getDate timestamp.() int; timestamp.(string) int
getDayOfWeek timestamp.() int; timestamp.(string) int
getHours timestamp.() int; timestamp.(string) int; duration.() int
getMinutes timestamp.() int; timestamp.(string) int; duration.() int
getSeconds timestamp.() int; timestamp.(string) int; duration.() int
getMilliseconds timestamp.() int; timestamp.(string) int; duration.() int
charAt string.(int) string
indexOf string.(string) int; string.(string, int) int; list(A).(A) int
lastIndexOf string.(string) int; string.(string, int) int; list(A).(A) int
lowerAscii string.() string
upperAscii string.() string
replace string.(string, string) string; string.(string, string, int) string
split string.(string) list(string); string.(string, int) list(string)
substring string.(int) string; string.(int, int) string
trim string.() string
join list(string).() string; list(string).(string) string
format string.(list(dyn)) string
strings.quote (string) string
find string.(string) string
findAll string.(string) list(string); string.(string, int) list(string)
isSorted list(int).() bool; list(uint).() bool; list(double).() bool; list(string).() bool; list(bool).() bool; list(duration).() bool; list(timestamp).() bool; list(bytes).() bool
sum list(int).() int; list(uint).() uint; list(double).() double; list(duration).() duration
min list(int).() int; list(uint).() uint; list(double).() double; list(string).() string; list(bool).() bool; list(duration).() duration; list(timestamp).() timestamp; list(bytes).() bytes
max list(int).() int; list(uint).() uint; list(double).() double; list(string).() string; list(bool).() bool; list(duration).() duration; list(timestamp).() timestamp; list(bytes).() bytes
slice list(A).(int, int) list(A)
flatten list(list(A)).() list(A); list(dyn).(int) list(dyn)
sort list(int).() list(int); list(uint).() list(uint); list(double).() list(double); list(string).() list(string); list(bool).() list(bool); list(duration).() list(duration); list(timestamp).() list(timestamp); list(bytes).() list(bytes)
distinct list(A).() list(A)
reverse list(A).() list(A)
lists.range (int) list(int)
sets.contains (list(A), list(A)) bool
sets.equivalent (list(A), list(A)) bool
sets.intersects (list(A), list(A)) bool
isURL (string) bool
url (string) URL
getScheme URL.() string
getHost URL.() string
getHostname URL.() string
getPort URL.() string
getEscapedPath URL.() string
getQuery URL.() map(string, list(string))
isIP (string) bool; (string, int) bool
ip (string) IP
ip.isCanonical (string) bool
family IP.() int
isUnspecified IP.() bool
isLoopback IP.() bool
isLinkLocalMulticast IP.() bool
isLinkLocalUnicast IP.() bool
isGlobalUnicast IP.() bool
isCIDR (string) bool
cidr (string) CIDR
containsIP CIDR.(string) bool; CIDR.(IP) bool
containsCIDR CIDR.(string) bool; CIDR.(CIDR) bool
ip CIDR.() IP
prefixLength CIDR.() int
masked CIDR.() CIDR
isQuantity (string) bool
quantity (string) Quantity
isInteger Quantity.() bool
asInteger Quantity.() int
asApproximateFloat Quantity.() double
sign (Quantity) int
add Quantity.(Quantity) Quantity; Quantity.(int) Quantity
sub Quantity.(Quantity) Quantity; Quantity.(int) Quantity
isLessThan Quantity.(Quantity) bool; Semver.(Semver) bool
isGreaterThan Quantity.(Quantity) bool; Semver.(Semver) bool
compareTo Quantity.(Quantity) int; Semver.(Semver) int
isSemver (string) bool; (string, bool) bool
semver (string) Semver; (string, bool) Semver
major Semver.() int
minor Semver.() int
patch Semver.() int
format.named (string) optional(Format)
format.dns1123Label () Format
format.dns1123Subdomain () Format
format.dns1035Label () Format
format.qualifiedName () Format
format.dns1123LabelPrefix () Format
format.dns1123SubdomainPrefix () Format
format.dns1035LabelPrefix () Format
format.labelValue () Format
format.uri () Format
format.uuid () Format
format.byte () Format
format.date () Format
format.datetime () Format
validate Format.(string) optional(list(string))
optional.of (A) optional(A)
optional.ofNonZeroValue (A) optional(A)
optional.none () optional(A)
hasValue optional(A).() bool
value optional(A).() A
or optional(A).(optional(A)) optional(A)
orValue optional(A).(A) A
";

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn overload(mut self) -> Option<Overload> {
        self.text = self.text.trim();
        let target = if self.text.starts_with('(') { None } else { Some(self.one()?) };
        self.text = self.text.strip_prefix('.').unwrap_or(self.text);
        let args = self.list()?;
        Some(Overload { target, args, result: self.one()? })
    }

    fn list(&mut self) -> Option<Vec<Type>> {
        self.text = self.text.trim_start().strip_prefix('(')?;
        let mut types = Vec::new();
        while !self.text.starts_with(')') {
            types.push(self.one()?);
            self.text = self.text.trim_start_matches([',', ' ']);
        }
        self.text = &self.text[1..];
        Some(types)
    }

    fn one(&mut self) -> Option<Type> {
        self.text = self.text.trim_start();
        let end = self.text.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(self.text.len());
        let (name, rest) = self.text.split_at(end);
        self.text = rest;
        Some(match name {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "double" => Type::Double,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "duration" => Type::Duration,
            "timestamp" => Type::Timestamp,
            "type" => Type::Type,
            "dyn" => Type::Dyn,
            "A" => Type::Var(0),
            "B" => Type::Var(1),
            "Quantity" => Type::Named(QUANTITY),
            "URL" => Type::Named(URL),
            "IP" => Type::Named(IP),
            "CIDR" => Type::Named(CIDR),
            "Semver" => Type::Named(SEMVER),
            "Format" => Type::Named(FORMAT),
            "list" => Type::list(self.list()?.pop()?),
            "optional" => Type::optional(self.list()?.pop()?),
            "map" => {
                let mut types = self.list()?;
                let values = types.pop()?;
                Type::Map(Box::new(types.pop()?), Box::new(values))
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        for line in TABLE.lines().filter(|line| !line.is_empty()) {
            let (name, rest) = line.split_once(' ').expect("a name and a type");
            for text in rest.split(';') {
                let overload = Reader { text }.overload();
                assert!(overload.is_some_and(|overload| overloads(name).contains(&overload)), "{name} {text}");
            }
        }
    }
}
