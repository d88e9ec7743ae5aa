//! A command with its address, whatever its family: what the runtime decides on.

use atoll_internal_api::entity::EntityKey;
use cell_engine::{
    Address, AddressOf, Command, Context, Decision, Family, Grace, Members, Memory, Needs, Notice, Origin,
    TakenBy,
};
use std::sync::Arc;
use uuid::Uuid;

/// What the runtime needs of a command.
pub(crate) trait Ask {
    /// What the caller gets.
    type Reply;

    /// Namespace addressed.
    fn namespace_id(&self) -> Uuid;
    /// Id addressed.
    fn id(&self) -> &Arc<str>;
    /// What is missing before it can be decided.
    fn needs(&self, memory: Memory<'_>) -> Result<(), Needs>;
    /// Who is behind it.
    fn origin(&self) -> Origin;
    /// What its answer rests on.
    fn members(&self, memory: Memory<'_>) -> Members;
    /// Decides; `grace` is what workers are given at that moment.
    fn decide(self, memory: Memory<'_>, grace: Grace, context: &mut Context<'_>) -> Decision<Self::Reply>;
}

/// A command sent to an address.
pub(crate) struct Sent<'a, C: Command> {
    pub(crate) at: &'a AddressOf<C>,
    pub(crate) command: C,
}

impl<C: Command> Ask for Sent<'_, C> {
    type Reply = C::Reply;

    fn namespace_id(&self) -> Uuid {
        self.at.namespace_id()
    }

    fn id(&self) -> &Arc<str> {
        self.at.id()
    }

    fn needs(&self, memory: Memory<'_>) -> Result<(), Needs> {
        self.command.needs(self.at, memory)
    }

    fn origin(&self) -> Origin {
        self.command.origin()
    }

    fn members(&self, memory: Memory<'_>) -> Members {
        C::Family::members(self.at, memory)
    }

    fn decide(self, memory: Memory<'_>, _: Grace, context: &mut Context<'_>) -> Decision<C::Reply> {
        self.command.decide(C::Family::view(self.at, memory), context)
    }
}

/// A notice to an entity.
pub(crate) struct Told<'a, N> {
    pub(crate) by: TakenBy<N>,
    pub(crate) key: &'a EntityKey,
    pub(crate) notice: N,
}

impl<N: Notice> Ask for Told<'_, N> {
    type Reply = ();

    fn namespace_id(&self) -> Uuid {
        self.key.namespace_id
    }

    fn id(&self) -> &Arc<str> {
        &self.key.id
    }

    fn needs(&self, memory: Memory<'_>) -> Result<(), Needs> {
        (self.by.needs)(self.key, &self.notice, memory)
    }

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn members(&self, memory: Memory<'_>) -> Members {
        (self.by.members)(self.key, memory)
    }

    fn decide(self, memory: Memory<'_>, grace: Grace, context: &mut Context<'_>) -> Decision<()> {
        (self.by.decide)(self.key, self.notice.within(grace), memory, context)
    }
}
