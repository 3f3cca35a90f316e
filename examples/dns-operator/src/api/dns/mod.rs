// Managed by rop from PROJECT: do not edit.

pub mod v1alpha1;
