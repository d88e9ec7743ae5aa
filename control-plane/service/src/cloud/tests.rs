//! Calls as tenants make them, through authentication and authorization, to a real database.

mod api_keys;
mod namespaces;
mod operations;
mod usage;
