//! Cloud API, desired state, placement, keys, audit.
