//! What a command is, what it sees, and what it decides.

use crate::current_run::CurrentRun;
use crate::ids::IdSource;
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::run::Run;
use crate::time::Time;
use crate::transition::Transition;
use std::sync::Arc;
use uuid::Uuid;

/// Something asked of a workflow id: a client's request, a worker's answer, a message from another
/// entity, a wake-up. Deciding is pure: it reads the view and answers what should change.
pub trait Command: Send {
    /// What the caller gets when the command is accepted (or was a harmless repetition).
    type Reply: Send + 'static;

    /// Decides. Nothing has changed yet when this returns: the caller applies the transitions and
    /// appends them, all or none.
    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<Self::Reply>;
}

/// What a command may look at: the workflow id's current-run record and the addressed run.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Namespace addressed.
    pub namespace_id: Uuid,
    /// Workflow id addressed.
    pub workflow_id: &'a Arc<str>,
    /// The current-run record, if the workflow id was ever used and not deleted.
    pub current: Option<&'a CurrentRun>,
    /// The addressed run: the one named in the request, else the current one.
    pub run: Option<&'a Run>,
}

/// What a command may use besides the view.
pub struct Context<'a> {
    /// Shard time.
    pub now: Time,
    /// Fresh ids.
    pub ids: &'a mut IdSource,
    /// Limits in force for the namespace.
    pub limits: &'a Limits,
    /// The namespace as configured now.
    pub namespace: &'a NamespaceConfig,
}

/// What the engine needs to know of a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamespaceConfig {
    /// Its id.
    pub id: Uuid,
    /// Its name, as it appears in events and links.
    pub name: Arc<str>,
    /// How long a closed run is kept, nanoseconds.
    pub retention_nanos: i64,
}

/// The outcome of deciding.
pub struct Decision<R> {
    /// What changes, as one atomic record; empty for a rejection, a repetition or a read. A
    /// rejection may still change something (a failed workflow task).
    pub transitions: Vec<Transition>,
    /// What the caller is told, once that is allowed (see `release`).
    pub answer: Result<R, Rejection>,
    /// What must be durable before the caller is told.
    pub release: Release,
}

/// What must be durable before an answer leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// Everything that was applied to the addressed entities up to and including this record.
    Durable,
    /// Everything before this record. Only for handing a workflow task to a worker: a lost start is
    /// dispatched again and its token's nonce refuses the stale answer.
    PriorDurable,
}

impl<R> Decision<R> {
    /// Changes something and answers.
    pub fn accept(transitions: Vec<Transition>, reply: R) -> Self {
        Self { transitions, answer: Ok(reply), release: Release::Durable }
    }

    /// Changes nothing and answers: a repetition.
    pub fn unchanged(reply: R) -> Self {
        Self::accept(Vec::new(), reply)
    }

    /// Changes nothing and refuses.
    pub fn reject(rejection: Rejection) -> Self {
        Self { transitions: Vec::new(), answer: Err(rejection), release: Release::Durable }
    }
}
