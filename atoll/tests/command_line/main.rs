//! The binary as a user meets it.

mod asking;
mod bad_input;
mod cell_refuses;
mod content;
mod damaged_log;
mod dev_on_servers;
mod dev_refuses;
mod dev_runs;
mod disk_full;
mod lost_database;
mod objects;
mod postgres;
mod quarantine;
mod rebuild_visibility;
mod refused;
mod restored;
mod run;
mod running;
mod service_refuses;
