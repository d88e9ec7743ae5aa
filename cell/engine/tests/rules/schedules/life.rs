//! One schedule over time. Whatever it is told goes through the log, and after each step a copy from its snapshot wants
//! the same.

use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::{
    EventType, ScheduleOverlapPolicy as Overlap, WorkflowExecutionStatus,
};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::history::v1::{self as history, HistoryEvent};
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{self as api, IntervalSpec, SchedulePatch, SchedulePolicies};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::commands::{StartReply, StartWorkflow};
use cell_engine::*;
use prost::Message;
use prost_types::{Duration, Timestamp};
use uuid::Uuid;

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// A whole minute in 2023.
pub(crate) const BEGIN: Time = Time(1_700_000_040 * SECOND);
pub(crate) const ID: &str = "every-minute";

/// The only entity that there is.
struct Only<'a>(Option<&'a Schedule>);

impl Residents for Only<'_> {
    fn find(&self, _: &EntityKey) -> Known<&dyn Entity> {
        self.0.map_or(Known::Absent, |schedule| Known::Here(schedule as &dyn Entity))
    }
}

/// A start that a schedule wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) key: EffectKey,
    pub(crate) ask_id: Uuid,
    pub(crate) workflow_id: String,
    pub(crate) start: StartWorkflow,
    pub(crate) takes_turns: bool,
}

impl Wanted {
    /// The run that it begins, as this harness names it.
    pub(crate) fn run_id(&self) -> Uuid {
        Uuid::new_v5(&Uuid::nil(), self.start.request_id.as_bytes())
    }
}

/// A schedule and its time.
#[derive(Clone)]
pub(crate) struct Life {
    schedule: Schedule,
    exists: bool,
    pub(crate) now: Time,
    pub(crate) limits: Limits,
    ids: IdSource,
    namespace: NamespaceConfig,
    kinds: Registry,
    /// What was billed so far, but for starts.
    pub(crate) billed: Vec<i32>,
    /// Bytes that its steps have logged.
    pub(crate) logged: usize,
    /// How often lists were told, and what they were told last.
    pub(crate) listed: usize,
    pub(crate) shown: Option<VisibilityFacts>,
}

/// A schedule that is due every minute.
pub(crate) fn every_minute(overlap: Overlap) -> api::Schedule {
    let interval = IntervalSpec { interval: Some(Duration { seconds: 60, nanos: 0 }), ..Default::default() };
    let start = NewWorkflowExecutionInfo {
        workflow_id: "w".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    api::Schedule {
        spec: Some(api::ScheduleSpec { interval: vec![interval], ..Default::default() }),
        action: Some(api::ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
        policies: Some(SchedulePolicies { overlap_policy: overlap as i32, ..Default::default() }),
        state: None,
    }
}

/// The same, with other policies.
pub(crate) fn with_policies(overlap: Overlap, change: impl FnOnce(&mut SchedulePolicies)) -> api::Schedule {
    let mut schedule = every_minute(overlap);
    change(schedule.policies.as_mut().expect("it has some"));
    schedule
}

pub(crate) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// So many minutes after the begin.
pub(crate) fn minute(minutes: i64) -> Time {
    BEGIN.plus(minutes * MINUTE)
}

pub(crate) fn timestamp(at: Time) -> Option<Timestamp> {
    Some(at.to_proto())
}

impl Life {
    /// Before anything is created.
    pub(crate) fn new() -> Self {
        let namespace_id = Uuid::from_u128(1);
        Self {
            schedule: Schedule::new(EntityKey::singleton(EntityKind::SCHEDULE, namespace_id, ID)),
            exists: false,
            now: BEGIN,
            limits: Limits::default(),
            ids: IdSource::new(5),
            namespace: NamespaceConfig {
                id: namespace_id,
                name: "default".into(),
                retention_nanos: 3_600 * SECOND,
            },
            kinds: Registry::default(),
            billed: Vec::new(),
            logged: 0,
            listed: 0,
            shown: None,
        }
    }

    /// With this schedule, created at the begin.
    pub(crate) fn with(schedule: api::Schedule) -> Self {
        let mut life = Self::new();
        let create = CreateSchedule { request_id: "create".into(), schedule, ..Default::default() };
        assert_eq!(life.ask(create), Ok(1));
        life
    }

    /// Every minute.
    pub(crate) fn started(overlap: Overlap) -> Self {
        Self::with(every_minute(overlap))
    }

    fn step<R>(
        &mut self,
        decide: impl FnOnce(Memory<'_>, &mut Context<'_>) -> Decision<R>,
    ) -> Result<R, Rejection> {
        let only = Only(self.exists.then_some(&self.schedule));
        let mut context =
            Context { now: self.now, ids: &mut self.ids, limits: &self.limits, namespace: &self.namespace };
        let decision = decide(Memory::of(&only), &mut context);
        for transition in &decision.transitions {
            self.billed.extend(transition.unrecorded.iter().map(|actions| actions.r#type));
            let logged = transition.to_proto();
            self.logged += logged.encoded_len();
            let logged = Transition::from_proto(&logged).expect("it decodes");
            let before = self.schedule.effects();
            let delta = self.schedule.apply(&logged);
            self.exists = true;
            if delta.visibility {
                (self.listed, self.shown) = (self.listed + 1, self.schedule.visibility());
            }
            // What the step says of the difference is the difference.
            let after = self.schedule.effects();
            for effect in after.iter().filter(|effect| !before.contains(effect)) {
                assert!(delta.wanted.contains(effect), "{effect:?}");
            }
            for effect in before.iter().filter(|old| after.iter().all(|new| new.key != old.key)) {
                assert!(delta.dropped.contains(&effect.key), "{effect:?}");
            }
        }
        self.survives();
        decision.answer
    }

    /// A copy from what is stored is the same.
    fn survives(&mut self) {
        let stored = self.schedule.checkpoint();
        assert!(stored.chunks.is_empty());
        if !self.exists {
            return;
        }
        let key = self.schedule.key().clone();
        let mut copy = <Schedule as Stored>::restore(key, stored.base.clone(), &[]).expect("it restores");
        assert_eq!(copy.checkpoint().base, stored.base);
        assert_eq!(copy.wake(), self.schedule.wake());
        assert_eq!(copy.effects(), self.schedule.effects());
        assert_eq!(copy.is_busy(), !copy.effects().is_empty());
        assert_eq!(copy.visibility(), self.schedule.visibility());
        self.schedule = copy;
    }

    pub(crate) fn ask<C: Command<Family = Singleton<Schedule>>>(
        &mut self,
        command: C,
    ) -> Result<C::Reply, Rejection> {
        let at = SingletonTarget::new(self.namespace.id, ID);
        self.step(|memory, context| command.decide(Singleton::<Schedule>::view(&at, memory), context))
    }

    pub(crate) fn tell<N: Notice>(&mut self, notice: N) -> Result<(), Rejection> {
        let by = N::taken_by(self.kinds.get(EntityKind::SCHEDULE).expect("it is registered"));
        let by = by.expect("schedules are told so");
        let key = self.schedule.key().clone();
        self.step(|memory, context| (by.decide)(&key, notice, memory, context))
    }

    /// Time passes, and the schedule is woken whenever it wants to be.
    pub(crate) fn until(&mut self, time: Time) {
        let mut wakes = 0;
        while let Some(at) = self.schedule.wake().filter(|at| *at <= time) {
            self.now = self.now.max(at);
            self.tell(Woken { grace: Grace::NONE }).expect("a wake is never refused");
            wakes += 1;
            assert!(wakes < 100_000, "woken without end");
        }
        self.now = time;
    }

    /// Nobody is there until then; then the schedule is woken for all that came due.
    pub(crate) fn away_until(&mut self, time: Time) {
        self.now = time;
        self.until(time);
    }

    /// The starts that it wants now.
    pub(crate) fn starts(&self) -> Vec<Wanted> {
        let starts = self.schedule.effects().into_iter().filter_map(|effect| {
            let EffectKind::Send(EntityMessage::AskWorkflow(ask)) = effect.kind else { panic!("{effect:?}") };
            let WorkflowRequest::Start(start) = ask.request else { return None };
            Some(Wanted {
                key: effect.key,
                ask_id: ask.id,
                workflow_id: ask.target.workflow_id.to_string(),
                start,
                takes_turns: ask.takes_turns,
            })
        });
        starts.collect()
    }

    /// What it asks of running workflows now.
    pub(crate) fn asks(&self) -> Vec<(EffectKey, AskWorkflow)> {
        let asks = self.schedule.effects().into_iter().filter_map(|effect| {
            let EffectKind::Send(EntityMessage::AskWorkflow(ask)) = effect.kind else { panic!("{effect:?}") };
            (!matches!(ask.request, WorkflowRequest::Start(_))).then_some((effect.key, *ask))
        });
        asks.collect()
    }

    /// The one start that it wants, which succeeds.
    pub(crate) fn start_one(&mut self) -> Wanted {
        let mut starts = self.starts();
        assert_eq!(starts.len(), 1, "{starts:?}");
        let wanted = starts.remove(0);
        self.start(&wanted);
        wanted
    }

    /// A start succeeds.
    pub(crate) fn start(&mut self, wanted: &Wanted) {
        let reply = StartReply {
            run_id: wanted.run_id(),
            first_execution_run_id: wanted.run_id(),
            started: true,
            status: WorkflowExecutionStatus::Running,
        };
        self.answer_to(wanted.key, wanted.ask_id, Answer::Started(reply));
    }

    /// An answer to what is asked by this key now.
    pub(crate) fn answer(&mut self, key: EffectKey, answer: Answer) {
        let asked = self.schedule.effect(key).map(|effect| effect.kind);
        let ask_id = match asked {
            Some(EffectKind::Send(EntityMessage::AskWorkflow(ask))) => ask.id,
            other => panic!("nothing is asked by {key:?}: {other:?}"),
        };
        self.answer_to(key, ask_id, answer);
    }

    /// An answer to what was asked once, and may not be any more.
    pub(crate) fn answer_to(&mut self, key: EffectKey, ask_id: Uuid, answer: Answer) {
        self.tell(Answered { key, ask_id, answer }).expect("an answer is taken");
    }

    /// What a schedule is told when what it started has ended so.
    pub(crate) fn end(&mut self, wanted: &Wanted, end: End) -> Result<(), Rejection> {
        let listener = wanted.start.listener.as_ref().expect("the schedule waits for it");
        assert_eq!(&listener.entity, self.schedule.key());
        let ended = ChainEnded {
            reference: listener.reference.clone(),
            run_id: Uuid::from_u128(77),
            first_run_id: wanted.run_id(),
            workflow_id: wanted.workflow_id.as_str().into(),
            workflow_type: "type".into(),
            close_event: end.event().encode_to_vec().into(),
        };
        self.tell(ended)
    }

    pub(crate) fn completes(&mut self, wanted: &Wanted) {
        self.end(wanted, End::Completed(None)).expect("it is told");
    }

    pub(crate) fn described(&self) -> ScheduleDescription {
        self.schedule.describe().expect("it lives")
    }

    pub(crate) fn info(&self) -> api::ScheduleInfo {
        self.described().info
    }

    /// Skipped, missed, dropped, waiting.
    pub(crate) fn counts(&self) -> (i64, i64, i64, i64) {
        let info = self.info();
        (info.overlap_skipped, info.missed_catchup_window, info.buffer_dropped, info.buffer_size)
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// A patch that nobody has sent before.
    pub(crate) fn patch(&mut self, patch: SchedulePatch) {
        let request_id = self.ids.next_id().to_string();
        self.ask(PatchSchedule { request_id, patch }).expect("it is there");
    }

    pub(crate) fn pause(&mut self, notes: &str) {
        self.patch(SchedulePatch { pause: notes.into(), ..Default::default() });
    }

    pub(crate) fn unpause(&mut self, notes: &str) {
        self.patch(SchedulePatch { unpause: notes.into(), ..Default::default() });
    }

    pub(crate) fn trigger(&mut self, overlap: Overlap) {
        let trigger = api::TriggerImmediatelyRequest {
            overlap_policy: overlap as i32,
            scheduled_time: timestamp(self.now),
        };
        self.patch(SchedulePatch { trigger_immediately: Some(trigger), ..Default::default() });
    }

    pub(crate) fn backfill(&mut self, from: Time, to: Time, overlap: Overlap) {
        let request = api::BackfillRequest {
            start_time: timestamp(from),
            end_time: timestamp(to),
            overlap_policy: overlap as i32,
        };
        self.patch(SchedulePatch { backfill_request: vec![request], ..Default::default() });
    }
}

/// How a workflow ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Completed(Option<&'static str>),
    Failed(&'static str),
    TimedOut,
    Canceled,
}

pub(crate) fn payloads(text: &'static str) -> Payloads {
    Payloads { payloads: vec![Payload { data: text.into(), ..Default::default() }] }
}

pub(crate) fn failure(message: &str) -> Failure {
    Failure { message: message.into(), ..Default::default() }
}

impl End {
    fn event(self) -> HistoryEvent {
        let (kind, attributes) = match self {
            Self::Completed(result) => {
                let result = result.map(payloads);
                let completed =
                    history::WorkflowExecutionCompletedEventAttributes { result, ..Default::default() };
                let attributes = Attributes::WorkflowExecutionCompletedEventAttributes(completed);
                (EventType::WorkflowExecutionCompleted, attributes)
            }
            Self::Failed(message) => {
                let failure = Some(failure(message));
                let failed =
                    history::WorkflowExecutionFailedEventAttributes { failure, ..Default::default() };
                (
                    EventType::WorkflowExecutionFailed,
                    Attributes::WorkflowExecutionFailedEventAttributes(failed),
                )
            }
            Self::TimedOut => {
                let attributes = Attributes::WorkflowExecutionTimedOutEventAttributes(Default::default());
                (EventType::WorkflowExecutionTimedOut, attributes)
            }
            Self::Canceled => {
                let attributes = Attributes::WorkflowExecutionCanceledEventAttributes(Default::default());
                (EventType::WorkflowExecutionCanceled, attributes)
            }
        };
        HistoryEvent { event_type: kind as i32, attributes: Some(attributes), ..Default::default() }
    }
}

impl Life {
    /// Steps that it has taken.
    pub(crate) fn steps(&self) -> i64 {
        self.schedule.visibility().expect("it is listed").state_transition_count
    }
}
