//! See the chain in [`crate::controlplane`].

pub mod decode;
pub mod negotiate;
pub mod options;
pub mod partial;
pub mod protobuf;
pub mod request_info;
pub mod selector;
pub mod table;
