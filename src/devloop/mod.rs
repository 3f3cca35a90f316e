//! The loop: builds an operator, runs it against a Kubernetes API, shows what happens.
//!
//! A [`session`] puts the parts together: [`access`] to the embedded control plane or to a cluster, [`cargo`] to build,
//! [`manifests`] that the operator prints of itself, [`install`] to apply them, [`operator`] to run it. Everything that
//! a user should see leaves as an [`Event`]; nothing here prints, reads the environment or decides for the user.

pub mod access;
pub mod cargo;
pub mod demo;
pub mod denial;
mod error;
mod event;
pub mod generate;
pub mod install;
pub mod kubeconfig;
pub mod manifests;
pub mod operator;
pub mod session;
pub mod wait;
pub mod watch;

pub use error::Failure;
pub use event::{Event, Report};
