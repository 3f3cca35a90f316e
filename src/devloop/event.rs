//! What the user is shown of a loop, in the order in which it happens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::denial::Denial;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The embedded control plane answers.
    ControlPlaneReady {
        /// Where.
        url: String,
        /// How long it took.
        took: Duration,
    },
    /// A cluster is used instead.
    ClusterChosen {
        /// The context of the kubeconfig.
        context: String,
        /// Its API server.
        server: String,
    },
    /// A kubeconfig for kubectl was written.
    KubeconfigWritten(PathBuf),
    /// Cargo begins to build; this many packages at most.
    Building(u64),
    /// Cargo has built, or found built, one more package.
    Compiled {
        /// How many so far.
        done: u64,
        /// The newest.
        name: String,
    },
    /// The operator is built.
    Built(Duration),
    /// The operator cannot be built; the compiler says why.
    BuildFailed(String),
    /// Objects were applied.
    Applied(String),
    /// The operator runs.
    OperatorStarted {
        /// Its process.
        pid: u32,
    },
    /// A line of the operator's log.
    Log(String),
    /// The operator was refused something that its role does not allow.
    Denied(Denial),
    /// The operator ended by itself.
    OperatorEnded(Option<i32>),
    /// A rebuilt operator cannot be installed; the old one goes on.
    Failed(String),
    /// A source file changed.
    Changed(PathBuf),
    /// A step of the tour is done.
    Step(String),
    /// Everything is ending.
    Stopping,
}

/// Takes events. It is called from many tasks, and must not block.
pub type Report = Arc<dyn Fn(Event) + Send + Sync>;
