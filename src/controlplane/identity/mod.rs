//! Who may do what: certificates, tokens, users, RBAC, access reviews, and what a fresh cluster holds.
//!
//! Identity is real, so that a missing permission shows up on the laptop. The functions here read the store (roles,
//! bindings, ServiceAccounts) but never write to it and know no HTTP: the request chain calls them.

pub mod authn;
pub mod bootstrap;
pub mod ca;
pub mod escalation;
pub mod impersonation;
pub mod kubeconfig;
pub mod rbac;
pub mod reviews;
pub mod rules;
pub mod tokens;
pub mod users;
