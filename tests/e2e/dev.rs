//! `atoll dev`: a tenant's whole story on a whole cloud.

mod billing;
mod crash;
mod isolation;
mod keys;
mod namespaces;
mod observability;
mod operations;
mod stop;
mod usage;
