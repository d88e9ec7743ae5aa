//! Calls between the processes of a cloud: who calls travels with them.
//!
//! The Cloud API's process finds out who calls and forwards usage and billing calls as bytes ([`forward`]). Metering
//! and billing take calls from the cloud's own pieces only ([`guard`]), and authorize the caller that came along
//! ([`caller`]).

pub(crate) mod caller;
pub(crate) mod forward;
pub(crate) mod guard;

#[cfg(test)]
mod tests;
