//! Kubernetes' own OpenAPI document, embedded: the definitions and paths of everything that 1.36 serves by default.
//!
//! It is the source of the schemas of built-in kinds and of what `/openapi` serves. It is inflated and parsed piece by
//! piece, when first asked for, since whoever starts a control plane should not wait for two megabytes of JSON.
//! The data is made by `pack.py`, beside this file; see `NOTICE` there. Nothing here interprets a schema.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{LazyLock, OnceLock};

use flate2::read::DeflateDecoder;
use serde_json::Value;

static PACK: &[u8] = include_bytes!("openapi.pack");

static CHUNKS: LazyLock<BTreeMap<String, Chunk>> = LazyLock::new(|| read_index(PACK).unwrap_or_default());

/// A deflated part of the pack, and what has been read of it.
#[derive(Debug)]
struct Chunk {
    packed: &'static [u8],
    entries: OnceLock<BTreeMap<&'static str, Entry>>,
}

/// One JSON text of a chunk, parsed when first asked for.
#[derive(Debug)]
struct Entry {
    json: &'static str,
    value: OnceLock<Value>,
}

impl Chunk {
    fn entries(&self) -> &BTreeMap<&'static str, Entry> {
        self.entries.get_or_init(|| inflate(self.packed))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.entries().get(name).map(Entry::value)
    }
}

impl Entry {
    fn value(&self) -> &Value {
        self.value.get_or_init(|| serde_json::from_str(self.json).unwrap_or_default())
    }
}

/// Returns a definition by its full name, such as `io.k8s.api.apps.v1.Deployment`.
pub fn definition(name: &str) -> Option<&'static Value> {
    let (package, _) = name.rsplit_once('.')?;
    CHUNKS.get(&format!("definitions/{package}"))?.get(name)
}

/// Returns the names of all packages that hold definitions, sorted.
pub fn packages() -> impl Iterator<Item = &'static str> {
    CHUNKS.keys().filter_map(|name| name.strip_prefix("definitions/"))
}

/// Returns the definitions of a package, sorted by name.
pub fn definitions(package: &str) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
    entries(&format!("definitions/{package}"))
}

/// Returns the prefixes under which there are paths, sorted: group versions such as `apis/apps/v1`, and `` for the rest.
pub fn path_prefixes() -> impl Iterator<Item = &'static str> {
    CHUNKS.keys().filter_map(|name| name.strip_prefix("paths/"))
}

/// Returns the paths of a prefix and their operations (OpenAPI v2), sorted by path.
pub fn paths(prefix: &str) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
    entries(&format!("paths/{prefix}"))
}

/// Returns a part of the document that is neither definitions nor paths: `info`, `parameters`, `security`, ….
pub fn root(name: &str) -> Option<&'static Value> {
    CHUNKS.get("root")?.get(name)
}

fn entries(chunk: &str) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
    CHUNKS.get(chunk).into_iter().flat_map(|chunk| chunk.entries().iter().map(|(name, entry)| (*name, entry.value())))
}

/// Reads the first line of a pack, which says where the chunks are.
fn read_index(pack: &'static [u8]) -> Option<BTreeMap<String, Chunk>> {
    let end = pack.iter().position(|byte| *byte == b'\n')?;
    let index: BTreeMap<String, (usize, usize)> = serde_json::from_slice(&pack[..end]).ok()?;
    let body = &pack[end + 1..];
    let chunk = |(offset, len): (usize, usize)| {
        let packed = body.get(offset..offset + len)?;
        Some(Chunk { packed, entries: OnceLock::new() })
    };
    index.into_iter().map(|(name, place)| Some((name, chunk(place)?))).collect()
}

/// Inflates a chunk. The text lives as long as the process: there is a fixed number of chunks, and each is read once.
fn inflate(packed: &[u8]) -> BTreeMap<&'static str, Entry> {
    let mut text = String::new();
    // A pack that cannot be read is caught by the test below, not at run time.
    let _ = DeflateDecoder::new(packed).read_to_string(&mut text);
    let text: &'static str = text.leak();
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, json)| (name, Entry { json, value: OnceLock::new() })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_found_by_its_full_name() {
        let spec = definition("io.k8s.api.apps.v1.DeploymentSpec").expect("Deployments are served");
        assert_eq!(spec["properties"]["replicas"]["type"], "integer");
        assert_eq!(spec["properties"]["template"]["$ref"], "#/definitions/io.k8s.api.core.v1.PodTemplateSpec");
        assert!(definition("io.k8s.api.apps.v1.Nope").is_none());
        assert!(definition("nope").is_none());
    }

    #[test]
    fn every_entry_of_the_pack_can_be_read() {
        let definitions: Vec<_> = packages().flat_map(definitions).collect();
        assert_eq!(definitions.len(), 588);
        assert!(definitions.iter().all(|(_, definition)| definition.is_object()));
        let paths: Vec<_> = path_prefixes().flat_map(paths).collect();
        assert_eq!(paths.len(), 415);
        assert!(paths.iter().all(|(_, item)| item.is_object()));
        assert_eq!(root("info").expect("it has a title")["version"], "1.36");
    }

    #[test]
    fn every_reference_leads_to_a_definition() {
        fn check(value: &Value) {
            if let Some(name) = value.get("$ref").and_then(Value::as_str)
                && let Some(name) = name.strip_prefix("#/definitions/")
            {
                assert!(definition(name).is_some(), "{name}");
            }
            match value {
                Value::Object(map) => map.values().for_each(check),
                Value::Array(list) => list.iter().for_each(check),
                _ => {}
            }
        }
        packages().flat_map(definitions).for_each(|(_, value)| check(value));
    }
}
