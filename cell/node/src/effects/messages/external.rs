//! Messages of workflows to others that need not be their children. Every one may arrive twice.

use super::gone;
use atoll_api::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelFailed,
    SignalExternalWorkflowExecutionFailedCause as SignalFailed,
};
use cell_engine::commands::{ForgetMessage, RecordExternalCancel, RecordExternalSignal, Sender};
use cell_engine::{CancelExternal, ExternalTarget, Rejection, SignalExternal};
use cell_shard::{ShardError, ShardRuntime, Target};
use std::sync::Arc;

/// Signals another workflow and tells the sender what came of it. An error means that it is to be tried again later.
pub(super) async fn signal(
    shards: &ShardRuntime,
    source: &Target,
    message: SignalExternal,
) -> Result<(), ShardError> {
    let SignalExternal { initiated_event_id, target, signal } = message;
    let (target, sender) = (at(source, target), signal.sender.clone());
    let outcome = match shards.execute(&target, signal).await {
        Ok(()) => Ok(()),
        Err(ShardError::Rejected(Rejection::NotFound(_))) => {
            Err(SignalFailed::ExternalWorkflowExecutionNotFound)
        }
        Err(ShardError::Rejected(Rejection::InvalidArgument(_))) => {
            Err(SignalFailed::SignalCountLimitExceeded)
        }
        Err(ShardError::UnknownNamespace(_)) => Err(SignalFailed::NamespaceNotFound),
        Err(error) => return Err(error),
    };
    gone(shards.execute(source, RecordExternalSignal { initiated_event_id, outcome }).await)?;
    forget(shards, &target, sender).await;
    Ok(())
}

/// As `signal`, for a request to cancel.
pub(super) async fn cancel(
    shards: &ShardRuntime,
    source: &Target,
    message: CancelExternal,
) -> Result<(), ShardError> {
    let CancelExternal { initiated_event_id, target, request } = message;
    let (target, sender) = (at(source, target), request.sender.clone());
    let outcome = match shards.execute(&target, request).await {
        Ok(()) => Ok(()),
        Err(ShardError::Rejected(Rejection::NotFound(_) | Rejection::InvalidArgument(_))) => {
            Err(CancelFailed::ExternalWorkflowExecutionNotFound)
        }
        Err(ShardError::UnknownNamespace(_)) => Err(CancelFailed::NamespaceNotFound),
        Err(error) => return Err(error),
    };
    gone(shards.execute(source, RecordExternalCancel { initiated_event_id, outcome }).await)?;
    forget(shards, &target, sender).await;
    Ok(())
}

fn at(source: &Target, target: ExternalTarget) -> Target {
    Target::new(source.namespace_id, target.workflow_id, target.run_id)
}

/// The sender does not send it again: the addressed workflow id need not know it any more. Where this word is lost the
/// id remembers the message until many newer ones have come.
async fn forget(shards: &ShardRuntime, target: &Target, sender: Option<Sender>) {
    let Some(message_id) = sender.and_then(|sender| sender.message_id) else { return };
    let target = Target::current(target.namespace_id, Arc::clone(&target.workflow_id));
    if let Err(error) = shards.execute(&target, ForgetMessage(message_id)).await {
        tracing::debug!(workflow_id = %target.workflow_id, %error, "a message is remembered longer than need be");
    }
}
