//! What rop does as a whole, seen from outside: dialogues with the binary, and the trees that it leaves.
//!
//! One binary, a file a topic. A test talks to rop in a [`Sandbox`](sandbox::Sandbox), where nothing of the machine is
//! visible. Snapshots are refreshed by `SNAPSHOTS=overwrite cargo test --test it`, and the difference is then read.

mod api;
mod cli;
mod controlplane;
mod data_dir;
mod derived_crd;
mod examples;
mod faults;
mod golden;
mod guides;
mod identity;
mod init;
mod names;
mod operator;
mod running;
mod sandbox;
mod tidy;
mod tree;
mod workshop;
