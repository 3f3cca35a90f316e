//! What the figures were measured on. Figures of different machines do not compare.

use std::fs;

use serde_json::{Value, json};

/// Returns the kind of machine, and how busy it was before anything was measured.
pub(crate) fn describe() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse::<f64>().ok());
    json!({
        "cpus": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "cpu": field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        "memory": field(&read("/proc/meminfo"), "MemTotal"),
        "os": format!("{} {}", std::env::consts::OS, kernel.trim()).trim_end().to_owned(),
        "loadBefore": load,
    })
}
