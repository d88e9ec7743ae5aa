//! What a command is, what it needs, and what it decides.

use crate::family::Family;
use crate::ids::IdSource;
use crate::limits::Limits;
use crate::memory::{Memory, Needs};
use crate::rejection::Rejection;
use crate::time::Time;
use crate::transition::Transition;
use std::sync::Arc;
use uuid::Uuid;

/// What a command of this type sees.
pub type ViewOf<'a, C> = <<C as Command>::Family as Family>::View<'a>;
/// What a command of this type is sent to.
pub type AddressOf<C> = <<C as Command>::Family as Family>::Address;

/// Something asked of a family: a client's request, a worker's answer, a message from another entity, a wake-up.
/// Deciding is pure: it reads the view and answers what should change.
pub trait Command: Send + Sync {
    /// What is decided on, and changed, together.
    type Family: Family;

    /// What the caller gets when the command is accepted (or was a harmless repetition).
    type Reply: Send + 'static;

    /// What is missing before this can be decided. The caller sees to it and asks again until nothing is. Pure, like
    /// deciding; what it found in memory is still there when the command is decided.
    fn needs(&self, at: &AddressOf<Self>, memory: Memory<'_>) -> Result<(), Needs> {
        Self::Family::needs(at, memory)
    }

    /// Who is behind it: what it may have of the last of the memory.
    fn origin(&self) -> Origin {
        Origin::Worker
    }

    /// Decides. Nothing has changed yet when this returns: the caller applies the transitions and
    /// appends them, all or none.
    fn decide(self, view: ViewOf<'_, Self>, context: &mut Context<'_>) -> Decision<Self::Reply>;
}

/// Who is behind a command, or a look at an entity. Where memory is short clients are refused first, then workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Somebody who would add to what is there, or wants to read.
    Client,
    /// Work that runs: a worker's call, and what ends a run.
    Worker,
    /// The cell itself: a wake-up, a message between entities. Is never refused: so entities come to rest.
    Cell,
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
    /// As `Durable`; besides, the shard's ownership is confirmed with the store first. For answers that say that
    /// nothing is left to do, after which the caller never asks again: a stale owner may not know the run. Rejections
    /// and absences are confirmed like this anyway.
    Owned,
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

    /// The same; where nothing changes, for nothing is left to do, only the owner may say so.
    pub fn by_owner_only(self) -> Self {
        Self { release: Release::Owned, ..self }
    }

    /// Changes nothing and refuses.
    pub fn reject(rejection: Rejection) -> Self {
        Self { transitions: Vec::new(), answer: Err(rejection), release: Release::Durable }
    }
}
