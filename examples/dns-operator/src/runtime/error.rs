//! Why a reconciliation failed.

use kube::core::Status;
use kube::runtime::finalizer;

use crate::dns;

/// Why a reconciliation failed. The text goes into the status of the object, so it must not change from one attempt to the
/// next, and must not hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a request.
    #[error("{}", .0.message)]
    Api(Box<Status>),

    /// A request did not get through, or its answer makes no sense.
    #[error("cannot talk to the API server")]
    Client(#[source] kube::Error),

    /// An object that should be a child is there already and belongs to somebody else.
    #[error("{kind} {name} exists and is not controlled by this object")]
    NotControlled {
        /// The kind of the child.
        kind: String,
        /// The name of the child.
        name: String,
    },

    /// An object cannot be written as JSON.
    #[error("cannot serialize an object: {0}")]
    Serialization(#[from] serde_json::Error),

    /// The DNS service did not do what it was asked.
    #[error(transparent)]
    Dns(#[from] dns::Error),

    /// The finalizer cannot be put on or taken off the object.
    #[error("the finalizer cannot be written")]
    Finalizer,

    /// The reconciler panicked.
    #[error("the reconciler panicked; its log says more")]
    Panic,
}

impl Error {
    /// Returns one CamelCase word for the condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Api(status) if status.code >= 500 => "ServerError",
            Self::Api(status) if status.is_forbidden() => "Forbidden",
            Self::Api(status) if status.is_conflict() => "Conflict",
            Self::Api(_) => "Refused",
            Self::Client(_) => "Unreachable",
            Self::NotControlled { .. } => "NotControlled",
            Self::Dns(error) => error.reason(),
            Self::Serialization(_) | Self::Finalizer | Self::Panic => "InternalError",
        }
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Api(status),
            other => Self::Client(other),
        }
    }
}

impl From<finalizer::Error<Error>> for Error {
    fn from(error: finalizer::Error<Error>) -> Self {
        match error {
            finalizer::Error::ApplyFailed(error) | finalizer::Error::CleanupFailed(error) => error,
            finalizer::Error::AddFinalizer(error) | finalizer::Error::RemoveFinalizer(error) => error.into(),
            finalizer::Error::UnnamedObject | finalizer::Error::InvalidFinalizer => Self::Finalizer,
        }
    }
}
