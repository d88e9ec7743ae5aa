//! Calls as tenants make them, through authentication and authorization, to a real database.

mod api_keys;
mod bad_input;
mod namespaces;
mod operations;
mod usage;
mod who_makes_keys;
