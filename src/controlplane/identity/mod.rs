//! See the chain in [`crate::controlplane`].
