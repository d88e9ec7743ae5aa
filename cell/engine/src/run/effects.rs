//! What a run wants from the world, derived from its state.

use super::{Run, ScheduledTask};
use crate::describe::Description;
use crate::effect::*;
use crate::time::Time;

/// The priority key of what names none.
const DEFAULT_PRIORITY: i32 = 3;
/// The last priority: a key behind it is taken for this.
const LOWEST_PRIORITY: i32 = 5;

impl Run {
    /// Everything it wants right now.
    pub fn effects(&self) -> impl Iterator<Item = Effect> + '_ {
        let tasks = self.pending.all().flat_map(move |c| c.tasks().filter_map(move |id| c.effect(id, self)));
        self.task_effect().into_iter().chain(tasks).chain(self.messages())
    }

    /// What it wants to tell other runs right now: everything but its own tasks.
    pub fn messages(&self) -> impl Iterator<Item = Effect> + '_ {
        let busy =
            self.pending.all().flat_map(move |c| c.busy().iter().filter_map(move |id| c.effect(*id, self)));
        busy.chain(self.listener_effects())
    }

    /// Tells people of everything that is pending.
    pub(crate) fn describe_pending(&self, description: &mut Description) {
        self.pending.all().for_each(|collection| collection.describe(self, description));
    }

    /// What this key stands for now, if anything.
    pub fn effect(&self, key: EffectKey) -> Option<Effect> {
        match key {
            EffectKey::WorkflowTask => self.task_effect(),
            EffectKey::Pending(kind, id) => self.pending.of(kind).effect(id, self),
            EffectKey::Listener(number) => self.listener_effect(number),
            EffectKey::Own(..) => None,
        }
    }

    /// How often the message of this key was tried; `None` where it is a task, or is no more.
    pub(crate) fn message_attempt(&self, key: EffectKey) -> Option<i32> {
        match key {
            EffectKey::WorkflowTask | EffectKey::Own(..) => None,
            EffectKey::Pending(kind, id) => self.pending.of(kind).attempt(id),
            EffectKey::Listener(number) => Some(self.listener_attempt(number)),
        }
    }

    /// When it wants to be woken: timers, retries and timeouts, whichever comes first.
    pub fn wake(&self) -> Option<Time> {
        self.deadlines.first()
    }

    pub(crate) fn task_effect(&self) -> Option<Effect> {
        let task = self.task.waiting()?;
        Some(Effect {
            key: EffectKey::WorkflowTask,
            kind: EffectKind::DispatchWorkflowTask(self.task_dispatch(task)),
        })
    }

    fn task_dispatch(&self, task: &ScheduledTask) -> TaskDispatch {
        let normal = self.task_queue();
        let sticky = !task.sticky_queue.is_empty();
        TaskDispatch {
            scheduled_event_id: task.scheduled_event_id,
            stamp: task.stamp,
            task_queue: if sticky { task.sticky_queue.as_str().into() } else { normal.into() },
            sticky_normal_queue: sticky.then(|| normal.into()),
            scheduled_at: Time(task.scheduled_at_ns),
            priority: priority(self.started().priority.as_ref()),
        }
    }
}

/// The priority that matching goes by.
pub(super) fn priority(priority: Option<&atoll_api::temporal::api::common::v1::Priority>) -> u8 {
    priority.map(|p| p.priority_key).filter(|key| *key > 0).unwrap_or(DEFAULT_PRIORITY).min(LOWEST_PRIORITY)
        as u8
}
