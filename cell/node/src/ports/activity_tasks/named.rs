//! Which activity a worker speaks of: it has the token of the activity's task, or knows workflow and id.

use crate::core::Core;
use crate::status::bad_task_token;
use atoll_api::call::Status;
use atoll_internal_api::cell::v1::ActivityTaskToken;
use bytes::Bytes;
use cell_engine::commands::ActivityRef;
use cell_frontend::namespaces::Namespace;
use cell_shard::Target;
use prost::Message;
use uuid::Uuid;

/// An activity, as a call names it.
pub(super) struct Named {
    pub(super) target: Target,
    pub(super) activity: ActivityRef,
}

impl Named {
    /// By the token of its task, which holds for one attempt.
    pub(super) fn by_token(token: &Bytes) -> Result<Self, Status> {
        let token = ActivityTaskToken::decode(token.clone()).map_err(|_| bad_task_token())?;
        let id = |bytes: &Bytes| Uuid::from_slice(bytes).map_err(|_| bad_task_token());
        let target = Target::run(id(&token.namespace_id)?, token.workflow_id.as_str(), id(&token.run_id)?);
        let activity = ActivityRef::Token {
            scheduled_event_id: token.scheduled_event_id,
            attempt: token.attempt,
            nonce: token.start_nonce,
        };
        Ok(Self { target, activity })
    }

    /// By the id that its workflow gave it, in the named run or the current one.
    pub(super) fn by_id(namespace: &Namespace, workflow_id: &str, run_id: &str, activity_id: String) -> Self {
        let target = Core::target(namespace.id, workflow_id, run_id);
        Self { target, activity: ActivityRef::Id(activity_id) }
    }
}
