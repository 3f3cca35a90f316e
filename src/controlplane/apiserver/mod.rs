//! See the chain in [`crate::controlplane`].

pub mod request_info;
pub mod selector;
