//! Families: what is decided together, and what a command sees of it.
//!
//! Entities of one namespace and id live on one shard. Those that a command may look at and change in one step are a
//! family. There are two shapes: [executions](executions) (a record that names the current run, and the runs) and
//! [singletons](singleton) (one entity).

mod executions;
mod singleton;

pub use executions::{ExecutionFamily, Executions, Target, View, Workflow, Workflows};
pub use singleton::{Single, Singleton, SingletonTarget, SingletonView};

use crate::memory::{Memory, Needs};
use atoll_internal_api::entity::EntityKey;
use std::sync::Arc;
use uuid::Uuid;

/// How the entities of a family are found and shown.
pub trait Family: 'static {
    /// Names a family, or one member of it, in a call.
    type Address: Address<Family = Self>;

    /// What a command sees.
    type View<'a>;

    /// The address of one member.
    fn address(member: &EntityKey) -> Self::Address;

    /// What is missing before everything that the view shows is in memory. A command that looks at less, or at more,
    /// says so in [`Command::needs`](crate::Command::needs).
    fn needs(at: &Self::Address, memory: Memory<'_>) -> Result<(), Needs>;

    /// What is in memory of the family, as a command sees it. What is not in memory looks as if it did not exist:
    /// `needs` comes first.
    fn view<'a>(at: &'a Self::Address, memory: Memory<'a>) -> Self::View<'a>;

    /// The names behind the view.
    fn members(at: &Self::Address, memory: Memory<'_>) -> Members;
}

/// Names a family in a call.
pub trait Address: Clone + Send + Sync {
    /// The family that it belongs to.
    type Family: Family<Address = Self>;

    /// Namespace.
    fn namespace_id(&self) -> Uuid;

    /// With the namespace it says which shard hosts the family.
    fn id(&self) -> &Arc<str>;
}

/// The names behind a view. An answer rests on them: it leaves when their last changes are durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    /// What the address means; none where that is a current run and there is none.
    pub addressed: Option<EntityKey>,
    /// Whatever else the view shows.
    pub other: Option<EntityKey>,
}

impl Members {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &EntityKey> {
        self.addressed.iter().chain(&self.other)
    }
}
