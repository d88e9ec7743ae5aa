//! Workers that go away while their task is on its way to them.

use crate::core::Core;
use cell_engine::commands::{
    CompleteAndTakeNext, RecordWorkflowTaskStarted, RespondWorkflowTaskCompleted, RevokeWorkflowTaskStart,
    StartedWorkflowTask, TaskRef as StartedTask,
};
use cell_shard::{ShardError, Target};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Finds out what became of a start whose poller went away while it was being recorded, and gives the task back.
pub(super) struct Taking<'a> {
    core: &'a Arc<Core>,
    target: &'a Target,
    command: Option<RecordWorkflowTaskStarted>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(core: &'a Arc<Core>, target: &'a Target, command: &RecordWorkflowTaskStarted) -> Self {
        Self { core, target, command: Some(command.clone()) }
    }

    /// The outcome is known.
    pub(super) fn done(mut self) {
        self.command = None;
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        let Some(command) = self.command.take() else { return };
        let (core, target) = (Arc::clone(self.core), self.target.clone());
        self.core.tasks.spawn(async move {
            // The request id makes this the same start, not a second one.
            if let Ok(started) = core.shards.execute(&target, command).await {
                drop(Revoke::new(&core, &target, &started));
            }
        });
    }
}

/// Gives a started task back when its poller goes away before the answer is ready.
pub(super) struct Revoke<'a> {
    core: &'a Arc<Core>,
    target: &'a Target,
    task: StartedTask,
    delivered: bool,
}

impl<'a> Revoke<'a> {
    pub(super) fn new(core: &'a Arc<Core>, target: &'a Target, started: &StartedWorkflowTask) -> Self {
        let task = StartedTask {
            scheduled_event_id: started.scheduled_event_id,
            attempt: started.attempt,
            nonce: started.nonce,
        };
        Self { core, target, task, delivered: false }
    }

    /// The worker has it.
    pub(super) fn delivered(mut self) {
        self.delivered = true;
    }
}

impl Drop for Revoke<'_> {
    fn drop(&mut self) {
        if !self.delivered {
            let (core, target, task) = (Arc::clone(self.core), self.target.clone(), self.task);
            self.core.tasks.spawn(async move {
                // Should this fail, the task's own timeout gives it back.
                let _ = core.shards.execute(&target, RevokeWorkflowTaskStart(task)).await;
            });
        }
    }
}

/// Completes a task and takes the one that follows, if any. That one is given back where the caller went away meanwhile: a
/// completion cannot be asked for twice, so it runs on by itself to find out what it started.
pub(super) async fn complete_and_take(
    core: &Arc<Core>,
    target: &Target,
    command: RespondWorkflowTaskCompleted,
) -> Result<Option<StartedWorkflowTask>, ShardError> {
    let (sender, receiver) = oneshot::channel();
    let (running, of) = (Arc::clone(core), target.clone());
    core.tasks.spawn(async move {
        let outcome = running.shards.execute(&of, CompleteAndTakeNext(command)).await;
        if let Err(Ok((_, Some(next)))) = sender.send(outcome) {
            drop(Revoke::new(&running, &of, &next));
        }
    });
    match receiver.await {
        Ok(outcome) => outcome.map(|(_, next)| next),
        // Only a panic ends it without an outcome.
        Err(_) => Err(ShardError::Panicked),
    }
}
