//! Which of an entity's waiting tasks have a row in the store, and what a checkpoint has to change of that.
//!
//! A change that was handed out to be written is unconfirmed until [`WaitingRows::written`] says that it stands; until
//! then every further checkpoint holds it again. So it is no matter whether a write that failed was carried out. What a
//! loaded entity has rows of needs no read: each write leaves those that the snapshot beside them derives.

use cell_engine::{Effect, EffectDelta, EffectKey, EffectKind, PendingKind, TaskDispatch};
use cell_store::{WaitingRow, WaitingTask, WaitingType};
use std::collections::BTreeSet;

/// The rows of one entity's waiting tasks, as far as they are known.
#[derive(Default, Debug)]
pub(crate) struct WaitingRows {
    /// Tasks that may have a row.
    known: BTreeSet<WaitingTask>,
    /// Tasks whose row a write was to change, and nobody has heard that it did.
    unconfirmed: BTreeSet<WaitingTask>,
    /// Tasks that changed since a write was last begun, and have a row or need one.
    changed: BTreeSet<WaitingTask>,
}

/// What a checkpoint changes of an entity's rows.
#[derive(Default, Debug)]
pub(crate) struct RowChanges {
    /// Rows to insert or replace.
    pub(crate) waiting: Vec<WaitingRow>,
    /// Tasks whose row goes.
    pub(crate) done: Vec<WaitingTask>,
}

/// The tasks of a write, to be given back once it stands: which have a row then, and which have none.
#[derive(Default, Debug)]
pub(crate) struct RowReceipt {
    standing: Vec<WaitingTask>,
    gone: Vec<WaitingTask>,
}

impl WaitingRows {
    /// Those of an entity that was just loaded and wants `effects`.
    pub(crate) fn stored(effects: &[Effect]) -> Self {
        let stored = effects.iter().filter(|effect| effect.kind.waits_in_store());
        Self { known: stored.filter_map(task_of).collect(), ..Self::default() }
    }

    /// Bytes of memory that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        const EACH: usize = 32;
        (self.known.len() + self.unconfirmed.len() + self.changed.len()) * EACH
    }

    /// Notes the difference that a step made.
    pub(crate) fn note(&mut self, delta: &EffectDelta) {
        for effect in &delta.wanted {
            self.forget(effect.key);
            self.changed.extend(task_of(effect).filter(|_| effect.kind.waits_in_store()));
        }
        delta.dropped.iter().for_each(|key| self.forget(*key));
    }

    /// Nothing is wanted of this key any more: what may have a row for it is to lose it.
    fn forget(&mut self, key: EffectKey) {
        match key {
            EffectKey::Pending(PendingKind::Activity, scheduled_event_id) => {
                let task = WaitingTask { task_type: WaitingType::Activity, scheduled_event_id };
                if self.known.contains(&task) {
                    self.changed.insert(task);
                } else {
                    self.changed.remove(&task);
                }
            }
            EffectKey::WorkflowTask => {
                // One at a time, but an earlier one may have its row still. They come before all activities.
                let workflow = |task: &&WaitingTask| task.task_type == WaitingType::Workflow;
                while let Some(task) = self.changed.first().filter(workflow).copied() {
                    self.changed.remove(&task);
                }
                self.changed.extend(self.known.iter().take_while(workflow));
            }
            EffectKey::Pending(..) | EffectKey::Listener(_) | EffectKey::Own(..) => {}
        }
    }

    /// What is to be written so that the entity has the rows that it should, whatever became of earlier writes.
    /// `wanted` answers the row that a task should have now.
    pub(crate) fn changes(
        &mut self,
        wanted: impl Fn(WaitingTask) -> Option<WaitingRow>,
    ) -> (RowChanges, RowReceipt) {
        self.unconfirmed.append(&mut self.changed);
        let (mut changes, mut receipt) = (RowChanges::default(), RowReceipt::default());
        for task in &self.unconfirmed {
            match wanted(*task) {
                Some(row) => {
                    self.known.insert(*task);
                    changes.waiting.push(row);
                    receipt.standing.push(*task);
                }
                None => {
                    changes.done.push(*task);
                    receipt.gone.push(*task);
                }
            }
        }
        (changes, receipt)
    }

    /// The store holds what this write was to change.
    pub(crate) fn written(&mut self, receipt: &RowReceipt) {
        for task in receipt.standing.iter().chain(&receipt.gone) {
            self.unconfirmed.remove(task);
        }
        receipt.gone.iter().for_each(|task| {
            self.known.remove(task);
        });
    }
}

/// The effect that a task is, while it waits.
pub(crate) fn effect_of(task: WaitingTask) -> EffectKey {
    match task.task_type {
        WaitingType::Workflow => EffectKey::WorkflowTask,
        WaitingType::Activity => EffectKey::Pending(PendingKind::Activity, task.scheduled_event_id),
    }
}

fn task_of(effect: &Effect) -> Option<WaitingTask> {
    let (task_type, task) = dispatch_of(effect)?;
    Some(WaitingTask { task_type, scheduled_event_id: task.scheduled_event_id })
}

/// The task that an effect offers to workers, if it is that.
pub(crate) fn dispatch_of(effect: &Effect) -> Option<(WaitingType, &TaskDispatch)> {
    match &effect.kind {
        EffectKind::DispatchWorkflowTask(task) => Some((WaitingType::Workflow, task)),
        EffectKind::DispatchActivity(task) => Some((WaitingType::Activity, task)),
        EffectKind::Send(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_takes_its_bytes_wherever_it_stands() {
        let tasks = |count| {
            let task =
                |scheduled_event_id| WaitingTask { task_type: WaitingType::Activity, scheduled_event_id };
            (0..count).map(task).collect()
        };
        let rows = WaitingRows { known: tasks(2), unconfirmed: tasks(3), changed: tasks(4) };
        assert_eq!(rows.bytes(), 9 * 32);
    }
}
