//! Children: pending ones of an open run, and those that a closed run still has something to tell.

use super::PendingKind;
use crate::commands::{ParentLink, StartWorkflow};
use crate::describe::Description;
use crate::effect::{ChildTarget, EffectKind, EntityMessage, ParentCloseAction, StartChild};
use crate::run::Run;
use crate::run::apply::Touched;
use crate::run::collection::{Item, Touch, Wants};
use crate::run::deadlines::Due;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::ParentClosePolicy;
use atoll_api::temporal::api::history::v1::StartChildWorkflowExecutionInitiatedEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::workflow::v1::PendingChildExecutionInfo;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::{Child, RunSnapshot};
use bytes::Bytes;
use uuid::Uuid;

impl Item for Child {
    const KIND: PendingKind = PendingKind::Child;
    const WANTS: Wants = Wants::Messages;
    type Begun = StartChildWorkflowExecutionInitiatedEventAttributes;

    fn touch(event: &Attributes) -> Option<Touch> {
        use Attributes as A;
        Some(match event {
            A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => Touch::Begins,
            A::ChildWorkflowExecutionStartedEventAttributes(a) => Touch::Changes(a.initiated_event_id),
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => Touch::Ends(a.initiated_event_id),
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => Touch::Ends(a.initiated_event_id),
            A::ChildWorkflowExecutionFailedEventAttributes(a) => Touch::Ends(a.initiated_event_id),
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => Touch::Ends(a.initiated_event_id),
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => Touch::Ends(a.initiated_event_id),
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => Touch::Ends(a.initiated_event_id),
            _ => return None,
        })
    }

    fn begin(event_id: i64, event: &Attributes, _: i64) -> Self {
        let Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(initiated) = event else {
            unreachable!("it begins a child")
        };
        Self { initiated_event_id: event_id, initiated: Some(*initiated.clone()), ..Default::default() }
    }

    fn change(&mut self, event_id: i64, event: &Attributes) {
        self.started_event_id = event_id;
        learn_start(self, event);
    }

    fn wait(&mut self, event: &Attributes) {
        if matches!(event, Attributes::ChildWorkflowExecutionStartedEventAttributes(_)) {
            learn_start(self, event);
        } else {
            self.closing = true;
            self.back_off(0, 0);
        }
    }

    fn has_ended(&self) -> bool {
        self.closing
    }

    /// What is kept are children that are to be told so, or still to be let go.
    ///
    /// A start that was asked for in an earlier step may have been carried out: it is asked for again, only to find
    /// out. One that was asked for in the closing step itself never leaves.
    fn close(&mut self, first_event_id: i64) -> bool {
        let known = !self.first_run_id.is_empty();
        let told = known && (follows_parent(self) || !self.released);
        let asked_for = !known && self.initiated_event_id < first_event_id;
        self.close_pending = known && follows_parent(self);
        self.back_off(0, 0);
        !self.closing && (told || asked_for)
    }

    fn keep_events(&mut self) {
        (self.released, self.attempt, self.retry_at_ns, self.closing) = (false, 0, 0, false);
        if self.started_event_id == 0 {
            self.first_run_id.clear();
        }
    }

    fn id(&self) -> i64 {
        self.initiated_event_id
    }

    fn effect(&self, run: &Run) -> Option<EffectKind> {
        message(self, run).map(EffectKind::Send)
    }

    fn is_busy(&self) -> bool {
        self.first_run_id.is_empty() || !self.released || self.close_pending
    }

    fn attempt(&self) -> i32 {
        self.attempt
    }

    fn back_off(&mut self, attempt: i32, retry_at_ns: i64) {
        (self.attempt, self.retry_at_ns) = (attempt, retry_at_ns);
    }

    fn deadlines(&self) -> impl IntoIterator<Item = (i64, Due)> {
        [(self.retry_at_ns, Due::Retry(Self::KIND, self.initiated_event_id))]
    }

    fn describe(&self, run: &Run, description: &mut Description) {
        let is_pending = !run.closed() && !self.closing;
        let Some(initiated) = self.initiated.as_ref().filter(|_| is_pending) else { return };
        description.children.push(PendingChildExecutionInfo {
            workflow_id: initiated.workflow_id.clone(),
            run_id: Uuid::from_slice(&self.first_run_id).map(|id| id.to_string()).unwrap_or_default(),
            workflow_type_name: initiated.workflow_type.as_ref().map(|t| t.name.clone()).unwrap_or_default(),
            initiated_id: self.initiated_event_id,
            parent_close_policy: initiated.parent_close_policy,
        });
    }

    fn place(snapshot: &mut RunSnapshot) -> &mut Vec<Self> {
        &mut snapshot.children
    }

    fn begun(&self) -> Option<&Self::Begun> {
        self.initiated.as_ref()
    }

    fn set_begun(&mut self, begun: Option<Self::Begun>) {
        self.initiated = begun;
    }

    fn bare(id: i64) -> Self {
        Self { initiated_event_id: id, ..Default::default() }
    }
}

/// What is to be done for a child. A closed run keeps only children for which something is.
fn message(child: &Child, run: &Run) -> Option<EntityMessage> {
    if child.retry_at_ns != 0 || child.closing {
        return None;
    }
    let initiated = child.initiated.as_ref()?;
    let id = child.initiated_event_id;
    let target = || ChildTarget {
        initiated_event_id: id,
        workflow_id: initiated.workflow_id.as_str().into(),
        first_run_id: Uuid::from_slice(&child.first_run_id).unwrap_or_default(),
    };
    Some(if child.close_pending {
        let action = match ParentClosePolicy::try_from(initiated.parent_close_policy) {
            Ok(ParentClosePolicy::RequestCancel) => ParentCloseAction::RequestCancel,
            _ => ParentCloseAction::Terminate,
        };
        EntityMessage::CloseChild(target(), action)
    } else if child.first_run_id.is_empty() {
        EntityMessage::StartChild(Box::new(StartChild {
            initiated_event_id: id,
            workflow_id: initiated.workflow_id.as_str().into(),
            start: start(child, run),
        }))
    } else if !child.released {
        EntityMessage::ReleaseChild(target())
    } else {
        return None;
    })
}

/// The start command of a child. The request id is the same however often it is derived.
fn start(child: &Child, run: &Run) -> StartWorkflow {
    let none = Default::default();
    let initiated = child.initiated.as_ref().unwrap_or(&none);
    let name = format!("{}:{}", run.run_id(), child.initiated_event_id);
    let started = run.started();
    let own = WorkflowExecution { workflow_id: run.key.id.to_string(), run_id: run.run_id().to_string() };
    StartWorkflow {
        request_id: Uuid::new_v5(&run.run_id(), name.as_bytes()).to_string(),
        workflow_type: initiated.workflow_type.clone(),
        task_queue: initiated.task_queue.clone(),
        input: initiated.input.clone(),
        execution_timeout: initiated.workflow_execution_timeout,
        run_timeout: initiated.workflow_run_timeout,
        task_timeout: initiated.workflow_task_timeout,
        id_reuse_policy: initiated.workflow_id_reuse_policy,
        memo: initiated.memo.clone(),
        search_attributes: initiated.search_attributes.clone(),
        header: initiated.header.clone(),
        priority: run.inherited(initiated.priority.as_ref()),
        retry_policy: initiated.retry_policy.clone(),
        finds_only: run.closed(),
        parent: Some(ParentLink {
            namespace: initiated.namespace.clone(),
            namespace_id: run.key.namespace_id,
            execution: own.clone(),
            initiated_event_id: child.initiated_event_id,
            root: started.root_workflow_execution.clone().unwrap_or(own),
        }),
        ..Default::default()
    }
}

impl Run {
    pub(in crate::run) fn apply_child_change(&mut self, kind: &Kind, touched: &mut Touched) {
        match kind {
            Kind::ChildReleased(released) => {
                self.change(released.initiated_event_id, touched, |child: &mut Child| {
                    child.released = true;
                    child.back_off(0, 0);
                });
            }
            Kind::ChildStartLearned(learned) => {
                self.change(learned.initiated_event_id, touched, |child: &mut Child| {
                    child.first_run_id = learned.first_run_id.clone();
                    child.close_pending = follows_parent(child);
                    child.back_off(0, 0);
                });
            }
            Kind::ChildDropped(dropped) => self.end::<Child>(dropped.initiated_event_id, touched),
            _ => unreachable!("not a change of a child"),
        }
    }
}

/// The child has started: its first run is known, and the start is not asked for any more.
fn learn_start(child: &mut Child, event: &Attributes) {
    let Attributes::ChildWorkflowExecutionStartedEventAttributes(started) = event else { return };
    let run = started.workflow_execution.as_ref().and_then(|e| Uuid::parse_str(&e.run_id).ok());
    child.first_run_id = Bytes::copy_from_slice(run.unwrap_or_default().as_bytes());
    child.back_off(0, 0);
}

/// Whether a child is told that its parent closed.
fn follows_parent(child: &Child) -> bool {
    let policy = child.initiated.as_ref().map_or(0, |initiated| initiated.parent_close_policy);
    policy != ParentClosePolicy::Abandon as i32
}
