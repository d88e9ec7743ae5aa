//! Tasks on their way to a worker that may go away meanwhile.
//!
//! One design for workflow and activity tasks. A poll that is dropped before its start is decided has started nothing.
//! From then on the start stands and a [`Handover`] holds what takes it back: it does so when it is dropped before the
//! worker's answer is on its way, wherever the poll was waiting, and also where there is no room for the answer.
//! Nothing is ever decided twice to find out what became of it.

use crate::core::Core;
use atoll_api::call::{Fate, Handover};
use atoll_internal_api::entity::EntityKind;
use cell_engine::{Command, Rejection, Workflows};
use cell_matching::{Poller, TaskLease, TaskRef};
use cell_shard::{ShardError, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A shard that cannot record a start now gets this pause before its task is offered again.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// A shard that cannot take a start back now is asked again after this, then after twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Who polls, as its request says.
pub(super) fn poller(identity: &str, instance_key: &str, deadline: Instant) -> Poller {
    Poller {
        instance_key: (!instance_key.is_empty()).then(|| instance_key.into()),
        deadline: Some(deadline.into()),
        ..Poller::new(identity)
    }
}

/// The workflow run that a matched task is of; none where it is of an entity of another kind, which newer code wrote:
/// no worker of this node's can be given that.
pub(super) fn run_of(task: &TaskRef) -> Option<Target> {
    let is_run = EntityKind::numbered(task.entity_kind) == EntityKind::WORKFLOW_RUN;
    is_run.then(|| Target::run(task.namespace_id, Arc::clone(&task.id), task.run_id))
}

/// Runs a command that starts a task, and answers it with the start's hand-over. `undo` says what takes the start back,
/// and nothing where none was made. Where the outcome is not known the start is taken back, too.
pub(super) async fn record<S, C>(
    core: &Arc<Core>,
    target: &Target,
    start: S,
    undo: impl FnOnce(&S::Reply) -> Option<C>,
) -> Result<(S::Reply, Handover), ShardError>
where
    S: Command<Family = Workflows>,
    C: Command<Family = Workflows> + Clone + 'static,
{
    let begun = core.shards.begin(target, start).await?;
    let handover = match begun.undurable().and_then(undo) {
        Some(undo) => unless_delivered(Arc::clone(core), target.clone(), undo),
        None => Handover::nothing(),
    };
    Ok((begun.released().await?, handover))
}

/// Takes a start back should its worker not get it.
fn unless_delivered<C>(core: Arc<Core>, target: Target, undo: C) -> Handover
where
    C: Command<Family = Workflows> + Clone + 'static,
{
    Handover::new(move |fate| {
        if fate == Fate::Lost {
            let tasks = core.tasks.clone();
            tasks.spawn(async move { take_back(&core, &target, undo).await });
        }
    })
}

/// A matched task's start was not recorded: nobody gets a task that is void, and any other waits again, after a pause.
pub(super) async fn not_started(lease: TaskLease, error: ShardError) {
    match error {
        ShardError::Rejected(Rejection::TaskObsolete(_) | Rejection::NotFound(_))
        | ShardError::UnknownNamespace(_)
        | ShardError::Quarantined(_) => drop(lease.discard()),
        error => {
            tracing::debug!(%error, "start of a task not recorded; the task waits again");
            tokio::time::sleep(BUSY_PAUSE).await;
            lease.give_back();
        }
    }
}

/// A poll that was matched waits for this before anything is started for it. Its transport looks whether the caller is
/// still there only while the poll waits: one that left before the match is found out here, and its lease goes back.
pub(super) async fn still_there() {
    tokio::task::yield_now().await;
}

/// Takes a start back, however long its shard takes no commands: that is when pollers leave. There are as many at once
/// as there were polls. A node that stops leaves it to the task's own timeout.
async fn take_back<C: Command<Family = Workflows> + Clone>(core: &Core, target: &Target, undo: C) {
    let mut pause = FIRST_PAUSE;
    loop {
        match core.shards.execute(target, undo.clone()).await {
            Err(
                ShardError::Overloaded(_)
                | ShardError::NoMemory
                | ShardError::NotOwner(_)
                | ShardError::Store(_),
            ) => {}
            // Done, or somebody else has ended the start.
            Ok(_) | Err(_) => return,
        }
        tokio::select! {
            biased;
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = LONGEST_PAUSE.min(2 * pause);
    }
}
