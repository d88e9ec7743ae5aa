use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::model::OperationKind;
use crate::operations::{NotStarted, OperationStarter};

/// Remembers what it was asked to start; can be away.
#[derive(Debug, Default)]
pub(crate) struct FakeStarter {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    away: bool,
    /// Starts that were tried while it was away.
    in_vain: usize,
    started: Vec<(OperationKind, String)>,
}

impl FakeStarter {
    pub(crate) fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// Starts that were tried while it was away.
    pub(crate) fn in_vain(&self) -> usize {
        self.lock().in_vain
    }

    /// What was started since the last time, in order.
    pub(crate) fn take(&self) -> Vec<(OperationKind, String)> {
        std::mem::take(&mut self.lock().started)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl OperationStarter for FakeStarter {
    async fn start(&self, kind: OperationKind, workflow_id: &str) -> Result<(), NotStarted> {
        let mut state = self.lock();
        if state.away {
            state.in_vain += 1;
            return Err(NotStarted("the system cell is away".to_owned()));
        }
        state.started.push((kind, workflow_id.to_owned()));
        Ok(())
    }
}
