//! Everything that can be asked of a workflow id, one command a file, or what may come of one message.

mod activity_closing;
mod back_off_message;
mod external;
mod find;
mod record_activity_heartbeat;
mod record_activity_started;
mod record_child_closed;
mod record_child_started;
mod record_listener_told;
mod record_workflow_task_started;
mod release_first_workflow_task;
mod request_cancel_workflow;
mod reset_sticky_task_queue;
mod respond_activity_canceled;
mod respond_activity_completed;
mod respond_activity_failed;
mod respond_workflow_task_completed;
mod respond_workflow_task_failed;
mod revoke_start;
mod sender;
mod signal_with_start;
mod signal_workflow;
mod start_workflow;
mod terminate_workflow;
mod wake;

pub use back_off_message::BackOffMessage;
pub use external::{RecordExternalCancel, RecordExternalSignal};
pub(crate) use find::found;
pub use find::{ActivityRef, WorkflowTaskRef};
pub use record_activity_heartbeat::{HeartbeatReply, RecordActivityHeartbeat};
pub use record_activity_started::{RecordActivityStarted, StartedActivity};
pub use record_child_closed::RecordChildClosed;
pub use record_child_started::{RecordChildReleased, RecordChildStarted, RecordStartChildFailed};
pub use record_listener_told::RecordListenerTold;
pub use record_workflow_task_started::{RecordWorkflowTaskStarted, StartedWorkflowTask};
pub use release_first_workflow_task::ReleaseFirstWorkflowTask;
pub use request_cancel_workflow::RequestCancelWorkflow;
pub use reset_sticky_task_queue::ResetStickyTaskQueue;
pub use respond_activity_canceled::RespondActivityCanceled;
pub use respond_activity_completed::RespondActivityCompleted;
pub use respond_activity_failed::RespondActivityFailed;
pub use respond_workflow_task_completed::{
    CompleteAndTakeNext, CompletedWorkflowTask, RefuseTooManyCommands, RespondWorkflowTaskCompleted,
};
pub use respond_workflow_task_failed::RespondWorkflowTaskFailed;
pub use revoke_start::{RevokeActivityStart, RevokeWorkflowTaskStart};
pub use sender::{ForgetMessage, Sender};
pub use signal_with_start::SignalWithStart;
pub use signal_workflow::SignalWorkflow;
pub use start_workflow::{ParentLink, StartReply, StartWorkflow};
pub use terminate_workflow::TerminateWorkflow;
pub use wake::Wake;
