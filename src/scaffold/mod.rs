//! See the code map in [`crate`].
