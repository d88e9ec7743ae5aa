//! What an entity of any kind may be told by its name: its kind says by which command it takes that in.
//!
//! A notice is what the shard and the node say without knowing kinds: a deadline may have passed, a message could not
//! be delivered, what came of a message, a chain of runs ended. Every one may come twice.
//!
//! To add a notice: its type here, its place in [`Kind`], the kinds that take it.

use crate::command::{Command, Context, Decision};
use crate::commands::StartReply;
use crate::effect::EffectKey;
use crate::family::{Family, Members};
use crate::memory::{Memory, Needs};
use crate::registry::Kind;
use crate::rejection::Rejection;
use crate::time::Time;
use atoll_internal_api::entity::EntityKey;
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// Something that entities are told by name.
pub trait Notice: Clone + Send + Sync + 'static {
    /// How entities of this kind take it in; none where they are never told so.
    fn taken_by(kind: &Kind) -> Option<TakenBy<Self>>;

    /// The notice with the grace that is in force when it is decided on. A kind of notice without deadlines ignores it.
    fn within(self, _: Grace) -> Self {
        self
    }
}

/// Something may be due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Woken {
    /// The grace that workers are given.
    pub grace: Grace,
}

/// What workers are given after a takeover, or after the shard took in nothing for long: time to reach its owner. A
/// deadline that only a worker's call can meet does not fire before the worker has had as long again as it gives, but
/// no longer than the grace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grace {
    /// When the shard was taken over, or took calls in again.
    pub since: Time,
    /// How long it lasts at most, nanoseconds.
    pub at_most_ns: i64,
}

impl Grace {
    /// Where nothing was taken over.
    pub const NONE: Self = Self { since: Time(i64::MIN), at_most_ns: 0 };

    /// When it ends for a deadline that gives a worker so long (nanoseconds).
    pub fn ends(self, timeout_ns: i64) -> Time {
        self.since.plus(timeout_ns.min(self.at_most_ns))
    }
}

/// A message of the entity could not be delivered: it waits, as the entity's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undelivered(pub EffectKey);

/// What came of a message of the entity to a workflow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// Which message.
    pub key: EffectKey,
    /// What was asked ([`AskWorkflow::id`](crate::AskWorkflow::id)): by the same key something else may be asked by
    /// now.
    pub ask_id: Uuid,
    /// What came of it.
    pub answer: Answer,
}

/// What came of a message to a workflow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A workflow was started, now or when the message was first sent.
    Started(StartReply),
    /// It was done, or there is nobody to do it to.
    Done,
    /// It will never be done.
    Refused(Rejection),
    /// It has its turn at this moment: the message is to be sent again then, as one whose turn has come.
    Postponed(Time),
}

/// A command of one kind that takes a notice in, without its type.
pub struct TakenBy<N> {
    /// As [`Command::needs`].
    pub needs: fn(&EntityKey, &N, Memory<'_>) -> Result<(), Needs>,
    /// As [`Family::members`].
    pub members: fn(&EntityKey, Memory<'_>) -> Members,
    /// As [`Command::decide`].
    pub decide: fn(&EntityKey, N, Memory<'_>, &mut Context<'_>) -> Decision<()>,
}

impl<N: Notice> TakenBy<N> {
    /// By this command.
    pub(crate) fn command<C: Command<Reply = ()> + From<N>>() -> Self {
        Self {
            needs: |key, notice, memory| C::from(notice.clone()).needs(&C::Family::address(key), memory),
            members: |key, memory| C::Family::members(&C::Family::address(key), memory),
            decide: |key, notice, memory, context| {
                let at = C::Family::address(key);
                C::from(notice).decide(C::Family::view(&at, memory), context)
            },
        }
    }
}

impl<N> Clone for TakenBy<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for TakenBy<N> {}

impl<N> std::fmt::Debug for TakenBy<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<N>())
    }
}

impl Notice for Woken {
    fn taken_by(kind: &Kind) -> Option<TakenBy<Self>> {
        kind.woken
    }

    fn within(self, grace: Grace) -> Self {
        Self { grace }
    }
}

impl Notice for Undelivered {
    fn taken_by(kind: &Kind) -> Option<TakenBy<Self>> {
        kind.undelivered
    }
}

impl Notice for Answered {
    fn taken_by(kind: &Kind) -> Option<TakenBy<Self>> {
        kind.answered
    }
}

/// How a chain of runs ended: what its listeners are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainEnded {
    /// What the listener knows the chain by.
    pub reference: Bytes,
    /// The run that was the last.
    pub run_id: Uuid,
    /// The run that was the first.
    pub first_run_id: Uuid,
    /// Their workflow id.
    pub workflow_id: Arc<str>,
    /// The last one's type.
    pub workflow_type: String,
    /// The last one's closing event, encoded.
    pub close_event: Bytes,
}

impl Notice for ChainEnded {
    fn taken_by(kind: &Kind) -> Option<TakenBy<Self>> {
        kind.ended
    }
}
