//! Builds each piece from its configuration, and serves it.

pub(crate) mod billing;
pub(crate) mod cell;
pub(crate) mod control_plane;
mod edge;
pub(crate) mod gateway;
pub(crate) mod metering;
pub(crate) mod objects;
pub(crate) mod stores;
mod worker;
