// Managed by rop from PROJECT: do not edit.

pub mod record;
