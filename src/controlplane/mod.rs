//! A Kubernetes control plane in memory: the API server, and the controllers that operators depend on.
//!
//! It follows Kubernetes [`KUBERNETES_VERSION`] and serves what operators and their tools send, or says loudly that it
//! does not. Nothing here knows the rest of rop, kube or k8s-openapi: the server speaks JSON and its own schema tree,
//! so that any operator's tests can link it whatever versions they use.
//!
//! ```text
//! client ── TLS ──┐                       ┌── in-process tower service, no socket
//!                 ▼                       ▼
//!    request info → faults → authentication → authorization → decode + prune + default
//!    → mutating admission → strategy → validation → validating admission → storage → watch
//!                                                                            │
//!    controllers (pure steps over snapshots)  ◄──────────────────────────────┘
//! ```

pub mod admission;
pub mod apiserver;
pub mod controllers;
pub mod duration;
pub mod env;
pub mod gvk;
pub mod identity;
pub mod jsonpath;
pub mod names;
pub mod object;
pub mod patch;
pub mod quantity;
pub mod resources;
pub mod schema;
pub mod status;
pub mod storage;

/// The Kubernetes version that this control plane follows and reports at `/version`.
pub const KUBERNETES_VERSION: &str = "v1.36.2";
