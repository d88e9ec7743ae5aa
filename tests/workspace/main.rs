//! House rules that hold for the workspace as a whole.

mod arrows;
mod comments;
mod determinism;
mod footprint;
mod paused_time;
mod sources;
