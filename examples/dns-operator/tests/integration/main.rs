// Managed by rop from PROJECT: do not edit.
//! Tests of the whole operator against a real Kubernetes API: `rop test` provides one.

mod support;

mod dns_v1alpha1_record;
