//! Messages of entities to others. Every one may arrive twice.
//!
//! To carry a new one: a function in a file of `messages/`, and its arm in `deliver`.

mod children;
mod external;

use atoll_internal_api::entity::EntityKey;
use cell_engine::{EntityMessage, Rejection};
use cell_shard::{ShardError, ShardRuntime, Target};

/// Delivers one message of `source`, and tells it what came of that. An error means that it is to be tried again later.
pub(super) async fn deliver(
    shards: &ShardRuntime,
    source: &Target,
    entity: &EntityKey,
    message: EntityMessage,
) -> Result<(), ShardError> {
    match message {
        EntityMessage::StartChild(child) => children::start(shards, source, *child).await,
        EntityMessage::ReleaseChild(child) => children::release(shards, source, child).await,
        EntityMessage::CloseChild(child, action) => {
            children::close(shards, source, entity, child, action).await
        }
        EntityMessage::TellEnd(end) => children::tell_end(shards, source, *end).await,
        EntityMessage::SignalExternal(signal) => external::signal(shards, source, *signal).await,
        EntityMessage::CancelExternal(cancel) => external::cancel(shards, source, *cancel).await,
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
