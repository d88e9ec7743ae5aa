//! Matching through its public interface, on paused time unless a test says otherwise.

mod interleavings;
mod pulls;
mod queries;
mod sticky;
mod support;
mod tasks;
mod threads;
mod workers;
