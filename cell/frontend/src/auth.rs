//! Who calls, and what that allows.
//!
//! Two interceptors for the dispatcher, in this order: [`Authenticate`] finds out who calls, [`Authorize`] compares
//! what the method needs with what the caller was granted. A stranger learns nothing: an unknown key, a wrong secret
//! and a missing header get the same answer, and so do a foreign namespace and one that does not exist.

mod authenticate;
mod authorize;
mod caller;
mod key_set;
mod role;
mod table;

#[cfg(test)]
mod tests;

pub use authenticate::{AuthMode, Authenticate, InternalToken};
pub use authorize::Authorize;
pub(crate) use caller::Caller;
pub use key_set::KeySet;
pub use role::Role;
pub use table::{Needs, needs};
