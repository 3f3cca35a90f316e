//! What all controllers share. It is yours: read it, change it.

pub mod backoff;
pub mod conditions;
pub mod context;
pub mod controller;
pub mod drift;
pub mod error;
pub mod health;
pub mod leader;
pub mod manifests;
pub mod metrics;
pub mod probes;
pub mod rbac;
pub mod readiness;
pub mod shutdown;
pub mod telemetry;
#[cfg(test)]
pub mod testing;
