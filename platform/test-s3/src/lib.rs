//! A server that speaks S3, for tests, and that fails as it is told.
//!
//! Owns: [`Server`], a real implementation of the protocol (`s3s`, with signatures and parts) over a folder of its own,
//! on a free port of this machine, gone with the value; and [`Faults`], a layer before it that refuses, keeps silent,
//! breaks answers off, or loses them after the work was done. Does not own: what clients make of it.
//!
//! It needs a tokio runtime that runs while it is used: a test that is not asynchronous itself makes one of threads.

mod faults;
mod layer;
mod server;

pub use faults::{Fault, Faults, Operation, Rates};
pub use server::Server;
