// Managed by rop from PROJECT: do not edit.
//! Tests of the whole operator against a real Kubernetes API: `rop test` provides one.

mod support;

mod v1alpha1_my_app;
