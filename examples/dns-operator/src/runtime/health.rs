//! Whether the operator is ready: each controller that runs has read what it watches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The state of all controllers. A replica that stands by has none, and is ready to take over.
#[derive(Debug, Default)]
pub struct Health {
    controllers: Mutex<BTreeMap<&'static str, Ready>>,
}

/// Says that one controller is ready.
#[derive(Debug, Clone, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// Marks the controller as ready.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Health {
    /// Adds a controller that is not ready yet.
    pub fn controller(&self, name: &'static str) -> Ready {
        let ready = Ready::default();
        self.controllers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, ready.clone());
        ready
    }

    /// Returns the names of the controllers that are not ready.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        let controllers = self.controllers.lock().unwrap_or_else(PoisonError::into_inner);
        controllers.iter().filter(|(_, ready)| !ready.0.load(Ordering::Acquire)).map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_every_controller_is() {
        let health = Health::default();
        let (a, b) = (health.controller("a"), health.controller("b"));
        a.set();
        assert_eq!(health.waiting_for(), ["b"]);
        b.set();
        assert_eq!(health.waiting_for(), [""; 0]);
    }
}
