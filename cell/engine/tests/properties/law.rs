//! Judging a history by the table of successors.

use crate::law_table::{Does, Named, Needs, TABLE, named};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use std::collections::{BTreeMap, BTreeSet};

/// An open activity, timer or child.
#[derive(Clone, Default, Debug)]
struct Open {
    name: String,
    started: i64,
    cancel: i64,
}

/// What the table asks about: the history so far.
#[derive(Clone, Default, Debug)]
pub(crate) struct Judge {
    last: i64,
    closed: bool,
    /// Scheduled and started ids of the workflow task; 0 where there is none.
    task: (i64, i64),
    completed: i64,
    /// Only consequences of the last completion came since.
    in_completion: bool,
    /// Activities and timers whose id was given to newer ones: they have ended, and the event that says so waits until
    /// the answer that gave their id away is complete.
    passing: BTreeSet<i64>,
    activities: BTreeMap<i64, Open>,
    timers: BTreeMap<i64, Open>,
    children: BTreeMap<i64, Open>,
    /// Messages to other workflows.
    messages: BTreeSet<i64>,
}

impl Judge {
    /// Takes the next event, or says what is wrong with it.
    pub(crate) fn take(&mut self, event: &HistoryEvent) -> Result<(), String> {
        let kind = event.event_type();
        let wrong = |what: &str| Err(format!("event {} {}: {what}", event.event_id, kind.as_str_name()));
        if event.event_id != self.last + 1 {
            return wrong("ids are not contiguous");
        }
        if self.closed {
            return wrong("the run is closed");
        }
        let Some(law) = TABLE.iter().find(|law| law.event == kind) else { return wrong("not in the table") };
        let named = named(event);
        for need in law.needs {
            if !self.holds(*need, &named) {
                return wrong(&format!("needs {need:?}; it names {named:?}; so far {self:?}"));
            }
        }
        self.last = event.event_id;
        self.note(law.does, event.event_id, named);
        self.in_completion = law.needs.contains(&Needs::InCompletion) || law.does == Does::CompletesTask;
        Ok(())
    }

    fn holds(&self, need: Needs, named: &Named) -> bool {
        let activity = self.activities.get(&named.subject);
        let child = self.children.get(&named.subject);
        let scheduled = self.task != (0, 0) && self.task == (named.subject, 0);
        let started = self.task.1 != 0 && self.task == (named.subject, named.started);
        match need {
            Needs::Nothing => self.last == 0,
            Needs::NoTask => self.task == (0, 0),
            Needs::TaskScheduled => scheduled,
            Needs::TaskStarted => started,
            Needs::TaskScheduledOrStarted => {
                if named.started == 0 {
                    scheduled
                } else {
                    started
                }
            }
            Needs::NoTaskStarted => self.last != 0 && self.task.1 == 0,
            Needs::InCompletion => self.in_completion && named.completed == self.completed,
            Needs::ActivityOpen => activity.is_some(),
            Needs::ActivityNotStarted => activity.is_some_and(|a| a.started == 0),
            Needs::ActivityStartMatches => activity.is_some_and(|a| a.started == named.started),
            Needs::ActivityStarted => activity.is_some_and(|a| a.started != 0 && a.started == named.started),
            Needs::ActivityCancelMatches => {
                activity.is_some_and(|a| a.cancel != 0 && a.cancel == named.cancel)
            }
            Needs::NothingPassing => self.passing.is_empty(),
            Needs::TimerOpen => self.timers.get(&named.subject).is_some_and(|timer| timer.name == named.name),
            Needs::ChildInitiated => child.is_some_and(|c| c.started == 0),
            Needs::MessageOpen => self.messages.contains(&named.subject),
            Needs::ChildStarted => child.is_some_and(|c| c.started != 0 && c.started == named.started),
        }
    }

    fn note(&mut self, does: Does, id: i64, named: Named) {
        let open = Open { name: named.name, ..Default::default() };
        match does {
            Does::Nothing => {}
            Does::SchedulesTask => self.task = (id, 0),
            Does::StartsTask => self.task.1 = id,
            Does::CompletesTask => (self.task, self.completed) = ((0, 0), id),
            Does::EndsTask => self.task = (0, 0),
            Does::OpensActivity => {
                self.passing.extend(holders(&self.activities, &open.name));
                self.activities.insert(id, open);
            }
            Does::StartsActivity => self.activities.entry(named.subject).or_default().started = id,
            Does::RequestsActivityCancel => {
                let activity = self.activities.entry(named.subject).or_default();
                if activity.cancel == 0 {
                    activity.cancel = id;
                }
            }
            Does::ClosesActivity => {
                self.passing.remove(&named.subject);
                self.activities.remove(&named.subject);
            }
            Does::OpensTimer => {
                self.passing.extend(holders(&self.timers, &open.name));
                self.timers.insert(id, open);
            }
            Does::ClosesTimer => {
                self.passing.remove(&named.subject);
                self.timers.remove(&named.subject);
            }
            Does::OpensChild => drop(self.children.insert(id, open)),
            Does::StartsChild => self.children.entry(named.subject).or_default().started = id,
            Does::ClosesChild => drop(self.children.remove(&named.subject)),
            Does::OpensMessage => drop(self.messages.insert(id)),
            Does::ClosesMessage => drop(self.messages.remove(&named.subject)),
            Does::ClosesRun => self.closed = true,
        }
    }
}

/// Which open ones have this id.
fn holders<'a>(all: &'a BTreeMap<i64, Open>, name: &'a str) -> impl Iterator<Item = i64> + 'a {
    all.iter().filter(move |(_, open)| open.name == name).map(|(id, _)| *id)
}

mod tests {
    use super::*;
    use atoll_api::temporal::api::history::v1 as history;

    fn event(event_id: i64, kind: E, attributes: A) -> HistoryEvent {
        HistoryEvent { event_id, event_type: kind as i32, attributes: Some(attributes), ..Default::default() }
    }

    fn opening() -> Judge {
        let mut judge = Judge::default();
        let started = A::WorkflowExecutionStartedEventAttributes(Default::default());
        judge.take(&event(1, E::WorkflowExecutionStarted, started)).expect("the first event");
        let scheduled = A::WorkflowTaskScheduledEventAttributes(Default::default());
        judge.take(&event(2, E::WorkflowTaskScheduled, scheduled)).expect("a first task");
        judge
    }

    fn task_started(scheduled_event_id: i64) -> A {
        A::WorkflowTaskStartedEventAttributes(history::WorkflowTaskStartedEventAttributes {
            scheduled_event_id,
            ..Default::default()
        })
    }

    #[test]
    fn the_judge_refuses_what_is_illegal() {
        let signal = || A::WorkflowExecutionSignaledEventAttributes(Default::default());
        let mut judge = opening();
        assert!(judge.clone().take(&event(4, E::WorkflowExecutionSignaled, signal())).is_err(), "a gap");
        assert!(
            judge.clone().take(&event(3, E::WorkflowTaskStarted, task_started(1))).is_err(),
            "no such task"
        );
        let again = A::WorkflowTaskScheduledEventAttributes(Default::default());
        assert!(judge.clone().take(&event(3, E::WorkflowTaskScheduled, again)).is_err(), "two tasks");
        judge.take(&event(3, E::WorkflowTaskStarted, task_started(2))).expect("the task starts");
        assert!(
            judge.clone().take(&event(4, E::WorkflowExecutionSignaled, signal())).is_err(),
            "it has to wait"
        );
        let fired = A::TimerFiredEventAttributes(Default::default());
        assert!(judge.clone().take(&event(4, E::TimerFired, fired)).is_err(), "no such timer");
        let mut closed = opening();
        let terminated = A::WorkflowExecutionTerminatedEventAttributes(Default::default());
        closed.take(&event(3, E::WorkflowExecutionTerminated, terminated)).expect("anybody may terminate");
        assert!(closed.take(&event(4, E::WorkflowExecutionSignaled, signal())).is_err(), "it is closed");
    }
}
