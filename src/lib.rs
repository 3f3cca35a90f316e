//! rop, the operator SDK for Rust.
//!
//! # Bird's view
//!
//! A command line turns typed text into a plan of file changes (the scaffold), or runs a generated operator
//! against a Kubernetes API that lives in this very process (the control plane).
//!
//! # Code map
//!
//! * [`cli`]: everything that knows of a terminal; one file a command.
//! * [`project`]: the model: names that are valid by construction, resources, the `PROJECT` file.
//! * [`scaffold`]: model to plan, by templates; pure.
//! * [`plan`]: a sorted map of path to change, its preview, and the only hand that writes a user's tree.
//! * [`devloop`]: `run`, `test`, `demo`: builds an operator, runs it, reports events that `cli` prints.
//! * [`controlplane`]: a Kubernetes API server and the controllers that operators depend on, in memory.
//!
//! # Invariants
//!
//! Nobody imports `cli`; `project` and `plan` import no sibling; `scaffold` imports only those two;
//! `controlplane` imports no sibling at all. `tests/it/tidy.rs` holds these.

pub mod cli;
pub mod controlplane;
pub mod devloop;
pub mod plan;
pub mod project;
pub mod scaffold;
