//! A whole cell under one seed: faults, kills, clock jumps, and a check of everything it promised.
//!
//! Owns: the world that decides order, faults, ids and time by a seed; model clients and workers; the checks. Does not
//! own: any behaviour of the cell, which is the product's own code, assembled by `cell-node` over a store that forgets
//! what was not synced.
//!
//! A simulation is a [plan](plan::Plan) drawn from the seed (workflows, workers, kills, weather) and several lives of
//! one cell. A life is a runtime with paused time and one thread; a kill drops it in the middle of a step. In the
//! middle of a life a second cell may take the shards while the first goes on. The [ledger](ledger::Ledger) outlives
//! them: what was acknowledged must stand, what was shown must stay. In the last life that works every history is read
//! and held against plan, ledger and clock, and visibility is listed. Then retention deletes every run, with lives that
//! end among that; nothing is left in memory or storage, and usage is counted.
//!
//! To run again what failed: `cargo run -p cell-simulation -- --seed N --trace`. Many seeds:
//! `cargo run --release -p cell-simulation -- --from 0 --count 10000 --jobs 2`.
//!
//! To add something that workflows do: an [`plan::Op`] that `plan` draws, its command and its progress in `script`
//! (also what events name it), its count in `checks::promises`, and a floor in the test of seeds, which notices when
//! none is drawn. Something that workers do: a chance in [`plan::WorkerPlan`] or a [`plan::Attempt`]; what they are
//! told of it, in `ledger::answers`. A deadline: its window in `checks::timing`. Something that goes wrong: its chance
//! in `weather`, `store` or [`plan::LifePlan`], and its floor in the test of seeds.
//!
//! Read `plan`, `simulation`, `life`, `world` and `checks` in this order.
//!
//! Invariants: a seed takes the same steps in whatever process. Nothing here reads a clock or a random source but the
//! world's, and neither does anything that it runs: `cell/clippy.toml` and `tests/workspace` hold the rules, a test
//! here compares the steps. Where two runs of a seed differ, `--trace` of both shows the first step that does.

mod assembly;
mod calls;
mod checks;
mod clients;
mod clock;
mod ledger;
mod life;
mod panics;
mod plan;
mod script;
mod seam;
mod seeds;
mod simulation;
mod sinks;
mod store;
mod weather;
mod workers;
mod world;

pub use seeds::run_all;
pub use simulation::{Outcome, run};
