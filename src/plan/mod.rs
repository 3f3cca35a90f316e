//! A plan: what would change in a directory, decided before anything is touched.
//!
//! A [`Plan`] is a sorted map from path to [`Change`], made over a read-only [`Tree`]; it can be shown, refused, or handed
//! to [`apply`](apply::apply), the only code that writes a user's tree. A function that decides does not write, and one that
//! writes does not decide. Nothing here knows what the files mean.

pub mod apply;
mod change;
mod diff;
mod error;
mod merge;
mod tree;

pub use change::{Change, Doubt, Plan, Previously, Sides};
pub use diff::unified_diff;
pub use error::PlanError;
pub use merge::{Fragment, merge};
pub use tree::Tree;
