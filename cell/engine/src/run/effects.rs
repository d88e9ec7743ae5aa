//! What a run wants from the world, derived from its state.

use super::Run;
use crate::commands::{RecordChildClosed, StartWorkflow};
use crate::effect::*;
use crate::time::Time;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::ParentClosePolicy;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::state::v1::{Activity, Child, WorkflowTask};
use uuid::Uuid;

/// The priority key of what names none.
const DEFAULT_PRIORITY: i32 = 3;

impl Run {
    /// Everything it wants right now.
    pub fn effects(&self) -> impl Iterator<Item = Effect> + '_ {
        let activities = self.activities.values().filter_map(|activity| self.activity_effect(activity));
        self.task_effect().into_iter().chain(activities).chain(self.messages())
    }

    /// What it wants to tell other runs right now: everything but its own tasks.
    pub fn messages(&self) -> impl Iterator<Item = Effect> + '_ {
        let busy = self.busy_children.iter().filter_map(|id| self.children.get(id));
        busy.filter_map(|child| self.child_effect(child)).chain(self.parent_effect())
    }

    /// What this key stands for now, if anything.
    pub fn effect(&self, key: EffectKey) -> Option<Effect> {
        match key {
            EffectKey::WorkflowTask => self.task_effect(),
            EffectKey::Activity(id) => self.activities.get(&id).and_then(|a| self.activity_effect(a)),
            EffectKey::Child(id) => self.children.get(&id).and_then(|c| self.child_effect(c)),
            EffectKey::Parent => self.parent_effect(),
        }
    }

    /// When it wants to be woken: timers, retries and timeouts, whichever comes first.
    pub fn wake(&self) -> Option<Time> {
        self.deadlines.first()
    }

    pub(crate) fn task_effect(&self) -> Option<Effect> {
        let task = self.task.as_ref().filter(|task| task.started_event_id == 0)?;
        Some(Effect {
            key: EffectKey::WorkflowTask,
            kind: EffectKind::DispatchWorkflowTask(self.task_dispatch(task)),
        })
    }

    fn task_dispatch(&self, task: &WorkflowTask) -> WorkflowTaskDispatch {
        let normal = self.task_queue();
        let sticky = !task.sticky_queue.is_empty();
        WorkflowTaskDispatch {
            scheduled_event_id: task.scheduled_event_id,
            stamp: task.stamp,
            task_queue: if sticky { task.sticky_queue.as_str().into() } else { normal.into() },
            sticky_normal_queue: sticky.then(|| normal.into()),
            scheduled_at: Time(task.scheduled_at_ns),
            priority: priority(self.started().priority.as_ref()),
        }
    }

    pub(crate) fn activity_effect(&self, activity: &Activity) -> Option<Effect> {
        if activity.started_at_ns != 0 || activity.dispatch_at_ns != 0 || activity.closing || self.closed() {
            return None;
        }
        let scheduled = activity.scheduled.as_ref()?;
        let dispatch = ActivityDispatch {
            scheduled_event_id: activity.scheduled_event_id,
            stamp: activity.stamp,
            task_queue: scheduled.task_queue.as_ref().map_or("", |queue| queue.name.as_str()).into(),
            scheduled_at: Time(activity.scheduled_at_ns),
            priority: priority(self.inherited(scheduled.priority.as_ref()).as_ref()),
        };
        Some(Effect {
            key: EffectKey::Activity(activity.scheduled_event_id),
            kind: EffectKind::DispatchActivity(dispatch),
        })
    }

    /// What is to be done for a child. A closed run keeps only children for which something is.
    pub(crate) fn child_effect(&self, child: &Child) -> Option<Effect> {
        if child.retry_at_ns != 0 || child.closing {
            return None;
        }
        let start_known = !child.first_run_id.is_empty();
        let initiated = child.initiated.as_ref()?;
        let id = child.initiated_event_id;
        let target = || ChildTarget {
            initiated_event_id: id,
            workflow_id: initiated.workflow_id.as_str().into(),
            first_run_id: Uuid::from_slice(&child.first_run_id).unwrap_or_default(),
        };
        let kind = if child.close_pending {
            let policy = ParentClosePolicy::try_from(initiated.parent_close_policy);
            let action = match policy {
                Ok(ParentClosePolicy::RequestCancel) => ParentCloseAction::RequestCancel,
                _ => ParentCloseAction::Terminate,
            };
            EffectKind::CloseChild(target(), action)
        } else if !start_known {
            EffectKind::StartChild(Box::new(StartChild {
                initiated_event_id: id,
                workflow_id: initiated.workflow_id.as_str().into(),
                start: self.child_start(child),
            }))
        } else if !child.released {
            EffectKind::ReleaseChild(target())
        } else {
            return None;
        };
        Some(Effect { key: EffectKey::Child(id), kind })
    }

    /// The start command of a child. The request id is the same however often it is derived.
    fn child_start(&self, child: &Child) -> StartWorkflow {
        let none = Default::default();
        let initiated = child.initiated.as_ref().unwrap_or(&none);
        let name = format!("{}:{}", self.run_id(), child.initiated_event_id);
        let started = self.started();
        let own =
            WorkflowExecution { workflow_id: self.key.id.to_string(), run_id: self.run_id().to_string() };
        StartWorkflow {
            request_id: Uuid::new_v5(&self.run_id(), name.as_bytes()).to_string(),
            workflow_type: initiated.workflow_type.clone(),
            task_queue: initiated.task_queue.clone(),
            input: initiated.input.clone(),
            execution_timeout: initiated.workflow_execution_timeout,
            run_timeout: initiated.workflow_run_timeout,
            task_timeout: initiated.workflow_task_timeout,
            identity: String::new(),
            id_reuse_policy: initiated.workflow_id_reuse_policy,
            memo: initiated.memo.clone(),
            search_attributes: initiated.search_attributes.clone(),
            header: initiated.header.clone(),
            priority: self.inherited(initiated.priority.as_ref()),
            retry_policy: initiated.retry_policy.clone(),
            parent: Some(crate::commands::ParentLink {
                namespace: initiated.namespace.clone(),
                namespace_id: self.key.namespace_id,
                execution: own.clone(),
                initiated_event_id: child.initiated_event_id,
                root: started.root_workflow_execution.clone().unwrap_or(own),
            }),
            ..Default::default()
        }
    }

    pub(crate) fn parent_effect(&self) -> Option<Effect> {
        // The parent is told how the last run of the chain ended.
        let goes_on = !self.info.successor_run_id.is_empty();
        if !self.closed() || goes_on || self.info.parent_notified || self.info.notify_retry_at_ns != 0 {
            return None;
        }
        let started = self.started();
        let parent = started.parent_workflow_execution.as_ref()?;
        let target = ParentTarget {
            parent: EntityKey::run(
                Uuid::from_slice(&self.info.parent_namespace_id).ok()?,
                parent.workflow_id.as_str(),
                Uuid::parse_str(&parent.run_id).ok()?,
            ),
            closed: RecordChildClosed {
                initiated_event_id: started.parent_initiated_event_id,
                child_run_id: self.run_id(),
                first_run_id: self.first_execution_run_id(),
                workflow_id: self.key.id.to_string(),
                workflow_type: self.workflow_type().to_owned(),
                close_event: self.info.close_event.clone(),
            },
        };
        Some(Effect { key: EffectKey::Parent, kind: EffectKind::NotifyParent(target) })
    }
}

/// The key that matching goes by.
fn priority(priority: Option<&atoll_api::temporal::api::common::v1::Priority>) -> i32 {
    priority.map(|p| p.priority_key).filter(|key| *key > 0).unwrap_or(DEFAULT_PRIORITY)
}
