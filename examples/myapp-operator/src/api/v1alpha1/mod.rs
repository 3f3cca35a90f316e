// Managed by rop from PROJECT: do not edit.

pub mod my_app;
