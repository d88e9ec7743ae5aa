//! Builds each piece from its configuration, and serves it.

pub(crate) mod billing;
pub(crate) mod cell;
pub(crate) mod control_plane;
pub(crate) mod gateway;
pub(crate) mod metering;
pub(crate) mod stores;
