//! See the code map in [`crate`].

pub mod kubeconfig;
