//! A store that takes checkpoints of a run, fails at them now and then, and gives the run back.

use atoll_internal_api::entity::{Chunk, ChunkId};
use bytes::Bytes;
use cell_engine::{Receipt, Run};
use std::collections::BTreeMap;

/// What became of checkpoints, to see that lives reach all of it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Reached {
    /// Runs written whole.
    pub(crate) whole: usize,
    /// Runs written as a base and chunks.
    pub(crate) chunked: usize,
    /// Of those, writes that left some chunks as they stood.
    pub(crate) partial: usize,
    /// Runs in chunks that became whole again.
    pub(crate) whole_again: usize,
    /// Writes that failed, or of which nobody heard.
    pub(crate) lost: usize,
    /// Changes while a write was under way.
    pub(crate) overtaken: usize,
    /// Runs that were let go of and came back.
    pub(crate) reloaded: usize,
}

/// The rows of one run.
pub(crate) struct Disk {
    rows: Option<(Bytes, BTreeMap<ChunkId, Bytes>)>,
    /// A write that was carried out and whose answer is on its way.
    unanswered: Option<Receipt>,
    draws: u64,
    pub(crate) reached: Reached,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rows: None, unanswered: None, draws: seed, reached: Reached::default() }
    }

    /// After every step: perhaps a checkpoint, which perhaps fails.
    pub(crate) fn visit(&mut self, run: &mut Run) {
        if let Some(receipt) = self.unanswered.take() {
            run.checkpointed(&receipt);
            self.reached.overtaken += 1;
            return;
        }
        match self.draw() % 10 {
            // Nothing is written of it, or nobody hears that it was.
            0 => drop(run.checkpoint()),
            1 => drop(self.write(run)),
            2 => self.unanswered = Some(self.write(run)),
            3..=5 => {
                let receipt = self.write(run);
                run.checkpointed(&receipt);
                if self.draw().is_multiple_of(2) {
                    *run = self.load(run);
                    self.reached.reloaded += 1;
                }
                return;
            }
            _ => return,
        }
        self.reached.lost += usize::from(self.unanswered.is_none());
    }

    /// Carries a checkpoint out; what then stands is the state.
    fn write(&mut self, run: &mut Run) -> Receipt {
        let written = run.checkpoint();
        let (base, rows) = self.rows.get_or_insert_default();
        let stood = rows.len();
        *base = written.base;
        for Chunk { id, data } in &written.chunks {
            if data.is_empty() {
                rows.remove(id);
            } else {
                rows.insert(*id, data.clone());
            }
        }
        let reached = &mut self.reached;
        if rows.is_empty() {
            reached.whole += 1;
            reached.whole_again += usize::from(stood > 0);
        } else {
            reached.chunked += 1;
            let fresh = written.chunks.iter().filter(|chunk| !chunk.data.is_empty()).count();
            reached.partial += usize::from(fresh < self.rows.as_ref().map_or(0, |(_, rows)| rows.len()));
        }
        assert!(self.load(run).snapshot() == run.snapshot(), "base and chunks are the state");
        written.receipt
    }

    fn load(&self, run: &Run) -> Run {
        let (base, rows) = self.rows.clone().expect("it was written");
        let chunks: Vec<Chunk> = rows.into_iter().map(|(id, data)| Chunk { id, data }).collect();
        Run::restore(run.key().clone(), base, &chunks).expect("restores")
    }

    fn draw(&mut self) -> u64 {
        self.draws =
            self.draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.draws >> 33
    }
}
