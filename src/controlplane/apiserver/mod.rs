//! See the chain in [`crate::controlplane`].

pub mod decode;
pub mod options;
pub mod request_info;
pub mod selector;
