//! Seeds that must hold, and that a seed is one world whoever runs it.

mod determinism;
mod seeds;
