//! The dns-operator operator.
//!
//! * [`api`]: the custom resources, a file a kind. Start here to change what users can ask for.
//! * [`controllers`]: what is done about them, a file a kind. Start here to change what the operator does.
//! * [`dns`]: the DNS service outside.
//! * [`runtime`]: what all controllers share.

pub mod api;
pub mod controllers;
pub mod dns;
pub mod runtime;
