//! The atoll binary: command line, `dev` supervisor, and the wiring of every piece of the cloud.
//!
//! - `cli` reads arguments, one file per command;
//! - `client` finds a running cloud, calls it and prints its answers;
//! - `config` is what each process is told;
//! - `serve` is what every serving process does: log, listen, say that it is ready, stop;
//! - `wiring` builds each piece from its configuration;
//! - `dev` supervises the processes of a whole cloud on one machine.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong arguments.

mod cli;
mod client;
mod config;
mod dev;
mod serve;
mod wiring;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Cli::from_arguments().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atoll: {error:#}");
            ExitCode::from(if error.is::<cli::UsageError>() { 2 } else { 1 })
        }
    }
}
