//! Metrics, named as controller-runtime names them where they mean the same.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByController {
    controller: &'static str,
}

/// The metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Outcome, Counter>,
    errors: Family<ByController, Counter>,
    time: Family<ByController, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("controller_runtime");
        let reconciles = Family::default();
        let errors = Family::default();
        let time = Family::<_, Histogram>::new_with_constructor(duration_histogram as fn() -> Histogram);
        registry.register("reconcile", "Reconciliations by controller and result", reconciles.clone());
        registry.register("reconcile_errors", "Failed reconciliations by controller", errors.clone());
        registry.register("reconcile_time_seconds", "Duration of reconciliations by controller", time.clone());
        Self { registry, reconciles, errors, time }
    }
}

/// From a millisecond to half a minute.
fn duration_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Metrics {
    /// Counts one reconciliation.
    pub fn reconciled(&self, controller: &'static str, ok: bool, duration: Duration) {
        let result = if ok { "success" } else { "error" };
        self.reconciles.get_or_create(&Outcome { controller, result }).inc();
        if !ok {
            self.errors.get_or_create(&ByController { controller }).inc();
        }
        self.time.get_or_create(&ByController { controller }).observe(duration.as_secs_f64());
    }

    /// Returns all metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconciliations_are_counted() {
        let metrics = Metrics::default();
        metrics.reconciled("my-app", false, Duration::from_millis(3));
        let text = metrics.encode().expect("metrics can be encoded");
        let line = r#"controller_runtime_reconcile_total{controller="my-app",result="error"} 1"#;
        assert!(text.contains(line), "{text}");
    }
}
