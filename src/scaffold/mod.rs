//! From the model to a plan, by templates.
//!
//! [`render`](render::render) gives the whole project that `PROJECT` describes, in memory. Every command is then the
//! difference between what the old `PROJECT` describes and what the new one does, laid over what is on disk: files that
//! rop keeps are rewritten, files of the user's are created once and later only merged ([`ownership`]). Nothing here reads
//! the clock, the environment or anything but the tree it is given, and nothing here writes.

mod api;
mod error;
mod init;
mod ownership;
mod render;
mod short_name;
mod templates;
mod transition;
mod view;

pub use api::{NewApi, create_api};
pub use error::ScaffoldError;
pub use init::init;
pub use ownership::{MARKER, Ownership, ownership};
pub use render::{Rendered, render};
pub use transition::read_manifest;
