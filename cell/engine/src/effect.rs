//! What an entity wants from the world right now.

use crate::notice::ChainEnded;
use crate::run::PendingKind;
use crate::time::Time;
use atoll_internal_api::entity::EntityKey;
use std::sync::Arc;
use uuid::Uuid;

/// Something an entity wants done. Derived from state, never stored: live as the difference that a
/// transition makes, after a crash from the state as a whole. Doing it twice is harmless: every
/// effect ends in a command whose `decide` refuses a repetition.
#[derive(Clone, PartialEq, Debug)]
pub struct Effect {
    /// Names the effect within its entity; a later effect with the same key replaces it.
    pub key: EffectKey,
    /// What to do.
    pub kind: EffectKind,
}

/// Names an effect within its entity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EffectKey {
    /// The pending workflow task.
    WorkflowTask,
    /// What is to be done for something pending, by the event that began it: a dispatch or a message.
    Pending(PendingKind, i64),
    /// What a kind other than runs wants told: a sort and a number that mean something to it alone. Its tasks for
    /// workers are named as a run's are: by that their rows are found.
    Own(u8, i64),
    /// Telling a listener how the chain of this run ended, by the listener's number.
    Listener(u32),
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum EffectKind {
    /// Offer the workflow task to matching.
    DispatchWorkflowTask(TaskDispatch),
    /// Offer the activity task to matching.
    DispatchActivity(TaskDispatch),
    /// Tell another entity something.
    Send(EntityMessage),
}

/// What an entity tells another. Whoever carries it out tells the sender what came of it; every message may arrive
/// twice.
#[derive(Clone, PartialEq, Debug)]
pub enum EntityMessage {
    /// Start the child, then tell the parent (`RecordChildStarted` or `RecordStartChildFailed`).
    StartChild(Box<StartChild>),
    /// Let the started child schedule its first workflow task, then tell the parent
    /// (`RecordChildReleased`).
    ReleaseChild(ChildTarget),
    /// Terminate or ask to cancel the child because the parent closed, then tell the parent
    /// (`RecordChildReleased`).
    CloseChild(ChildTarget, ParentCloseAction),
    /// Tell a listener how the chain of this run ended, then record that it knows (`RecordListenerTold` on this run).
    TellEnd(Box<TellEnd>),
    /// Ask a workflow for something, then tell the sender what came of it ([`Answered`](crate::Answered)).
    AskWorkflow(Box<AskWorkflow>),
    /// Signal a workflow, then tell the sender what came of it (`RecordExternalSignal`).
    SignalExternal(Box<SignalExternal>),
    /// Ask a workflow to cancel, then tell the sender what came of it (`RecordExternalCancel`).
    CancelExternal(Box<CancelExternal>),
}

impl EffectKind {
    /// Whether a row of the store's table of waiting tasks stands for it once its entity is written. A task on a sticky
    /// queue has no row: its worker takes it within seconds, or the run's deadline moves it to the normal queue. Nor
    /// has what an entity tells other entities.
    pub fn waits_in_store(&self) -> bool {
        match self {
            Self::DispatchWorkflowTask(task) => task.sticky_normal_queue.is_none(),
            Self::DispatchActivity(_) => true,
            Self::Send(_) => false,
        }
    }
}

impl EntityMessage {
    /// Namespace and workflow id that the sender's message goes to.
    pub fn addressee<'a>(&'a self, sender: &EntityKey) -> (Uuid, &'a Arc<str>) {
        match self {
            Self::StartChild(child) => (sender.namespace_id, &child.workflow_id),
            Self::ReleaseChild(child) | Self::CloseChild(child, _) => {
                (sender.namespace_id, &child.workflow_id)
            }
            Self::AskWorkflow(ask) => (sender.namespace_id, &ask.target.workflow_id),
            Self::TellEnd(end) => (end.listener.namespace_id, &end.listener.id),
            Self::SignalExternal(signal) => (sender.namespace_id, &signal.target.workflow_id),
            Self::CancelExternal(cancel) => (sender.namespace_id, &cancel.target.workflow_id),
        }
    }
}

/// A workflow task, or an activity's attempt, that waits for a worker.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskDispatch {
    /// Scheduled event id; for a transient or speculative workflow task the id it would have.
    pub scheduled_event_id: i64,
    /// Changes whenever an earlier dispatch becomes void (a new attempt, changed options).
    pub stamp: u32,
    /// Queue to offer on.
    pub task_queue: Arc<str>,
    /// For a worker's sticky queue, which workflow tasks alone have: the normal queue to fall back to.
    pub sticky_normal_queue: Option<Arc<str>>,
    /// When it was scheduled.
    pub scheduled_at: Time,
    /// 1 (first) to 5 (last); 3 where none was given.
    pub priority: u8,
}

/// A child to be started.
#[derive(Clone, PartialEq, Debug)]
pub struct StartChild {
    /// Initiated event id in the parent.
    pub initiated_event_id: i64,
    /// Workflow id of the child; same namespace as the parent.
    pub workflow_id: Arc<str>,
    /// The start command to run on the child's shard.
    pub start: crate::commands::StartWorkflow,
}

/// A started child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildTarget {
    /// Initiated event id in the parent.
    pub initiated_event_id: i64,
    /// Workflow id of the child.
    pub workflow_id: Arc<str>,
    /// First run of the child's chain.
    pub first_run_id: Uuid,
}

/// What a closing parent does to an open child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParentCloseAction {
    /// Terminate it.
    Terminate,
    /// Ask it to cancel.
    RequestCancel,
}

/// What an entity of any kind asks of a workflow of its namespace. It is asked again until the sender has taken the
/// answer in.
#[derive(Clone, PartialEq, Debug)]
pub struct AskWorkflow {
    /// Comes back with the answer: the same however often this is asked, and another one whenever the sender asks for
    /// something else by the same key, also where the sender's id is used anew.
    pub id: Uuid,
    /// Of whom.
    pub target: ExternalTarget,
    /// What.
    pub request: WorkflowRequest,
    /// Whether this is one of the namespace's many that take turns: where it is not its turn yet, the sender is told
    /// when that is, and nothing is held meanwhile.
    pub takes_turns: bool,
}

/// What may be asked of a workflow.
#[derive(Clone, PartialEq, Debug)]
pub enum WorkflowRequest {
    /// To be started. A repetition finds the chain that it began by request id or listener.
    Start(crate::commands::StartWorkflow),
    /// To cancel.
    Cancel(crate::commands::RequestCancelWorkflow),
    /// To be terminated.
    Terminate(crate::commands::TerminateWorkflow),
    /// Nothing but to be there: whether the current run is of the chain that began with this one. Where it is not,
    /// whatever its state, the answer is that it was not found.
    Exist(Uuid),
}

/// The end of a chain of runs, on its way to somebody who waits for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TellEnd {
    /// Number of the listener within the run.
    pub number: u32,
    /// Who waits.
    pub listener: EntityKey,
    /// How the chain ended.
    pub ended: ChainEnded,
}

/// A workflow of the sender's namespace that is no child of it, or need not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExternalTarget {
    /// Its id.
    pub workflow_id: Arc<str>,
    /// The run that is meant; the current one when the message arrives where there is none.
    pub run_id: Option<Uuid>,
}

/// A signal to another workflow.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalExternal {
    /// Initiated event id in the sender.
    pub initiated_event_id: i64,
    /// Whom to signal.
    pub target: ExternalTarget,
    /// What to run there.
    pub signal: crate::commands::SignalWorkflow,
}

/// A cancel request to another workflow.
#[derive(Clone, PartialEq, Debug)]
pub struct CancelExternal {
    /// Initiated event id in the sender.
    pub initiated_event_id: i64,
    /// Whom to ask.
    pub target: ExternalTarget,
    /// What to run there.
    pub request: crate::commands::RequestCancelWorkflow,
}

/// The difference that one transition makes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EffectDelta {
    /// Effects that are new or replaced.
    pub wanted: Vec<Effect>,
    /// Effects that are no longer wanted.
    pub dropped: Vec<EffectKey>,
    /// Whether the visibility record changed.
    pub visibility: bool,
}
