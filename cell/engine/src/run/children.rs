//! Children: pending ones of an open run, and those that a closed run still has something to tell.

use super::Run;
use super::apply::Touched;
use super::deadlines::Due;
use crate::effect::EffectKey;
use atoll_api::temporal::api::enums::v1::ParentClosePolicy;
use atoll_api::temporal::api::history::v1::StartChildWorkflowExecutionInitiatedEventAttributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::Child;

impl Run {
    pub(super) fn on_child_initiated(
        &mut self,
        id: i64,
        initiated: &StartChildWorkflowExecutionInitiatedEventAttributes,
        touched: &mut Touched,
    ) {
        let child =
            Child { initiated_event_id: id, initiated: Some(initiated.clone()), ..Default::default() };
        self.children.insert(id, child);
        self.with_child(id, touched, |_| ());
    }

    /// Changes a child and keeps the indexes true.
    pub(super) fn with_child(&mut self, id: i64, touched: &mut Touched, change: impl FnOnce(&mut Child)) {
        let child = self.children.get_mut(&id).expect("the child is pending");
        self.deadlines.remove(child.retry_at_ns, Due::ChildRetry(id));
        change(child);
        self.deadlines.add(child.retry_at_ns, Due::ChildRetry(id));
        if is_busy(child) {
            self.busy_children.insert(id);
        } else {
            self.busy_children.remove(&id);
        }
        touched.effects.insert(EffectKey::Child(id));
    }

    pub(super) fn remove_child(&mut self, id: i64, touched: &mut Touched) {
        if let Some(child) = self.children.remove(&id) {
            self.deadlines.remove(child.retry_at_ns, Due::ChildRetry(id));
            self.busy_children.remove(&id);
            touched.effects.insert(EffectKey::Child(id));
        }
    }

    pub(super) fn apply_child_change(&mut self, kind: &Kind, touched: &mut Touched) {
        match kind {
            Kind::ChildReleased(released) => {
                self.with_child(released.initiated_event_id, touched, |child| {
                    child.released = true;
                    (child.attempt, child.retry_at_ns) = (0, 0);
                });
            }
            Kind::ChildStartLearned(learned) => {
                self.with_child(learned.initiated_event_id, touched, |child| {
                    child.first_run_id = learned.first_run_id.clone();
                    child.close_pending = follows_parent(child);
                    (child.attempt, child.retry_at_ns) = (0, 0);
                });
            }
            Kind::ChildDropped(dropped) => self.remove_child(dropped.initiated_event_id, touched),
            _ => unreachable!("not a change of a child"),
        }
    }

    /// The child's outbound effect waits, or (with no moment given) wants to go out again.
    pub(super) fn back_off_child(&mut self, back_off: &log::EffectBackedOff, touched: &mut Touched) {
        self.with_child(back_off.initiated_event_id, touched, |child| {
            child.attempt = back_off.attempt;
            child.retry_at_ns = back_off.retry_at_ns;
        });
    }

    /// The run closed: what is kept are children that are to be told so, or still to be let go.
    ///
    /// A start that was asked for in an earlier step may have been carried out: it is asked for again, which finds out.
    /// One that was asked for in the closing step itself never leaves.
    pub(super) fn close_children(&mut self, touched: &mut Touched) {
        touched.effects.extend(self.children.keys().map(|id| EffectKey::Child(*id)));
        let first_event_id = touched.first_event_id;
        self.children.retain(|id, child| {
            let known = !child.first_run_id.is_empty();
            let told = known && (follows_parent(child) || !child.released);
            let asked_for = !known && *id < first_event_id;
            !child.closing && (told || asked_for)
        });
        self.busy_children.clear();
        let kept: Vec<i64> = self.children.keys().copied().collect();
        for id in kept {
            self.with_child(id, touched, |child| {
                child.close_pending = !child.first_run_id.is_empty() && follows_parent(child);
                (child.attempt, child.retry_at_ns) = (0, 0);
            });
        }
    }
}

/// Whether something is still to be done for it.
pub(super) fn is_busy(child: &Child) -> bool {
    child.first_run_id.is_empty() || !child.released || child.close_pending
}

/// Whether a child is told that its parent closed.
fn follows_parent(child: &Child) -> bool {
    let policy = child.initiated.as_ref().map_or(0, |initiated| initiated.parent_close_policy);
    policy != ParentClosePolicy::Abandon as i32
}
