//! Messages of entities to others. Every one may arrive twice.
//!
//! To carry a new one: a function in a file of `messages/`, and its arm in `deliver`. What entities ask of workflows
//! (`workflows`) serves every kind: only an answer of a new shape needs more.

mod children;
mod external;
mod listeners;
mod workflows;

use super::start_turns::StartTurns;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{EffectKey, EntityMessage, Rejection};
use cell_shard::{ShardError, ShardRuntime, Target};

/// What messages are carried with.
pub(super) struct Post<'a> {
    pub(super) shards: &'a ShardRuntime,
    /// Whose turn it is to start a workflow.
    pub(super) turns: &'a StartTurns,
}

/// Delivers the message that `sender` wants sent by this key, and tells it what came of that. An error means that it is
/// to be tried again later.
pub(super) async fn deliver(
    post: Post<'_>,
    sender: &EntityKey,
    key: EffectKey,
    message: EntityMessage,
) -> Result<(), ShardError> {
    // Of messages that only runs send.
    let source = Target::run(sender.namespace_id, sender.id.clone(), sender.run_id);
    let Post { shards, .. } = post;
    match message {
        EntityMessage::StartChild(child) => children::start(shards, &source, *child).await,
        EntityMessage::ReleaseChild(child) => children::release(shards, &source, child).await,
        EntityMessage::CloseChild(child, action) => {
            children::close(shards, &source, sender, child, action).await
        }
        EntityMessage::TellEnd(end) => listeners::tell_end(shards, &source, *end).await,
        EntityMessage::AskWorkflow(ask) => workflows::ask(post, sender, key, *ask).await,
        EntityMessage::SignalExternal(signal) => external::signal(shards, &source, *signal).await,
        EntityMessage::CancelExternal(cancel) => external::cancel(shards, &source, *cancel).await,
    }
}

/// Whether the addressed run is closed or does not exist: the message has nobody to reach, which is an answer.
fn gone<R>(outcome: Result<R, ShardError>) -> Result<bool, ShardError> {
    match outcome {
        Ok(_) => Ok(false),
        Err(ShardError::Rejected(Rejection::NotFound(_)) | ShardError::UnknownNamespace(_)) => Ok(true),
        Err(error) => Err(error),
    }
}
