//! Executions: runs of an id, one of which is current.

use super::{Address, Family, Members};
use crate::current_run::CurrentRun;
use crate::entity::Entity;
use crate::memory::{Memory, Needs};
use crate::run::Run;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

/// What the executions of one sort are made of.
pub trait Executions: Copy + Send + Sync + 'static {
    /// Kind of the record that names the current run of an id: a [`CurrentRun`].
    const RECORD: EntityKind;
    /// Kind of the runs.
    const RUN: EntityKind;
    /// A run.
    type Run: Entity;
}

/// Workflow executions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workflow {}

impl Executions for Workflow {
    const RECORD: EntityKind = EntityKind::CURRENT_RUN;
    const RUN: EntityKind = EntityKind::WORKFLOW_RUN;
    type Run = Run;
}

/// The family of an id of executions: its current-run record and its runs.
pub struct ExecutionFamily<X>(PhantomData<X>);

/// The family of a workflow id.
pub type Workflows = ExecutionFamily<Workflow>;

/// What a call about an execution addresses.
pub struct Target<X = Workflow> {
    /// Namespace.
    pub namespace_id: Uuid,
    /// Workflow id, or what another sort of execution has for it.
    pub workflow_id: Arc<str>,
    /// One run, or the current one.
    pub run_id: Option<Uuid>,
    executions: PhantomData<X>,
}

impl<X> Target<X> {
    /// The run of this id, or the current one where none is given.
    pub fn new(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>, run_id: Option<Uuid>) -> Self {
        Self { namespace_id, workflow_id: workflow_id.into(), run_id, executions: PhantomData }
    }
}

impl Target {
    /// The current run of a workflow id.
    pub fn current(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>) -> Self {
        Self::new(namespace_id, workflow_id, None)
    }

    /// One run of a workflow id.
    pub fn run(namespace_id: Uuid, workflow_id: impl Into<Arc<str>>, run_id: Uuid) -> Self {
        Self::new(namespace_id, workflow_id, Some(run_id))
    }
}

impl<X: Executions> Target<X> {
    /// Name of the record that names the current run.
    pub(crate) fn record(&self) -> EntityKey {
        EntityKey::singleton(X::RECORD, self.namespace_id, Arc::clone(&self.workflow_id))
    }

    fn key_of(&self, run_id: Uuid) -> EntityKey {
        let id = Arc::clone(&self.workflow_id);
        EntityKey { kind: X::RUN, namespace_id: self.namespace_id, id, run_id }
    }

    /// Name of the addressed run; none where that is the current one and there is none.
    fn addressed(&self, current: Option<&CurrentRun>) -> Option<EntityKey> {
        self.run_id.or(current.map(CurrentRun::run_id)).map(|run_id| self.key_of(run_id))
    }
}

/// What a command sees of executions.
pub struct View<'a, X: Executions = Workflow> {
    /// Namespace addressed.
    pub namespace_id: Uuid,
    /// Workflow id addressed.
    pub workflow_id: &'a Arc<str>,
    /// The current-run record, if the workflow id was ever used and not deleted.
    pub current: Option<&'a CurrentRun>,
    /// The addressed run: the one named in the request, else the current one.
    pub run: Option<&'a X::Run>,
}

impl<X: Executions> Family for ExecutionFamily<X> {
    type Address = Target<X>;
    type View<'a> = View<'a, X>;

    fn address(member: &EntityKey) -> Target<X> {
        Target::new(
            member.namespace_id,
            Arc::clone(&member.id),
            member.is_used_once().then_some(member.run_id),
        )
    }

    /// The record and the addressed run.
    fn needs(at: &Target<X>, memory: Memory<'_>) -> Result<(), Needs> {
        let current = memory.need(&at.record())?;
        if let Some(run) = at.addressed(current) {
            memory.need::<X::Run>(&run)?;
        }
        Ok(())
    }

    fn view<'a>(at: &'a Target<X>, memory: Memory<'a>) -> View<'a, X> {
        let current: Option<&CurrentRun> = memory.get(&at.record());
        let run = at.addressed(current).and_then(|run| memory.get(&run));
        View { namespace_id: at.namespace_id, workflow_id: &at.workflow_id, current, run }
    }

    fn members(at: &Target<X>, memory: Memory<'_>) -> Members {
        let record = at.record();
        let current: Option<&CurrentRun> = memory.get(&record);
        Members { addressed: at.addressed(current), other: Some(record) }
    }
}

impl<X: Executions> Address for Target<X> {
    type Family = ExecutionFamily<X>;

    fn namespace_id(&self) -> Uuid {
        self.namespace_id
    }

    fn id(&self) -> &Arc<str> {
        &self.workflow_id
    }
}

impl<X> Clone for Target<X> {
    fn clone(&self) -> Self {
        Self::new(self.namespace_id, Arc::clone(&self.workflow_id), self.run_id)
    }
}

impl<X> Debug for Target<X> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { namespace_id, workflow_id, run_id, .. } = self;
        write!(f, "{namespace_id}/{workflow_id}/{run_id:?}")
    }
}

impl<X: Executions> Clone for View<'_, X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X: Executions> Copy for View<'_, X> {}
