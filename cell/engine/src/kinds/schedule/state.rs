//! What a schedule is between two steps.

use super::held;
use super::plan::Plan;
use super::times::LOOKS_LOCKED;
use super::{BUFFER_LIMIT, IDLE_NANOS};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::{Memo, Payloads, SearchAttributes};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::schedule::v1::{ScheduleActionResult, ScheduleState};
use atoll_internal_api::schedule::v1::{
    Backfill, BufferedStart, Life, PendingStart, Progress, RunningWorkflow,
};
use prost::Message;
use schedule_spec::{Looks, Next, Seed};
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// The state. What is large is shared: every step works on a copy.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) life: Arc<Life>,
    pub(crate) plan: Arc<Plan>,
    /// How much it may do, and what people say of it.
    pub(crate) status: Arc<ScheduleState>,
    pub(crate) memo: Arc<Memo>,
    pub(crate) search_attributes: Arc<SearchAttributes>,
    pub(crate) progress: Progress,
    /// In the order in which they came.
    pub(crate) buffered: VecDeque<BufferedStart>,
    pub(crate) starting: Vec<PendingStart>,
    pub(crate) running: Vec<RunningWorkflow>,
    /// Oldest first.
    pub(crate) recent: VecDeque<ScheduleActionResult>,
    pub(crate) backfills: VecDeque<Backfill>,
    pub(crate) last_completion_result: Option<Arc<Payloads>>,
    pub(crate) continued_failure: Option<Arc<Failure>>,
    /// Oldest first.
    pub(crate) request_ids: VecDeque<Arc<str>>,
    /// The first time of the spec that is not dealt with: it follows from spec and mark.
    pub(crate) next: Next,
}

/// What something of a list takes beside its bytes.
const ITEM_OVERHEAD: usize = 64;

impl State {
    /// Bytes of memory that it takes beside itself, about.
    pub(super) fn held_bytes(&self) -> usize {
        let action = self.running.iter().map(|running| running.encoded_len() + ITEM_OVERHEAD);
        let recent = self.recent.iter().map(|recent| recent.encoded_len() + ITEM_OVERHEAD);
        let starting = self.starting.iter().map(|pending| pending.encoded_len() + ITEM_OVERHEAD);
        let request_ids = self.request_ids.iter().map(|id| id.len() + ITEM_OVERHEAD);
        let lists: usize = action.chain(recent).chain(starting).chain(request_ids).sum();
        let fixed = self.buffered.capacity() * size_of::<BufferedStart>()
            + self.backfills.capacity() * size_of::<Backfill>();
        let result = self.last_completion_result.as_deref().map_or(0, held::message);
        let failure = self.continued_failure.as_deref().map_or(0, held::message);
        size_of::<Self>()
            + self.life.encoded_len()
            + self.plan.held_bytes()
            + self.status.encoded_len()
            + held::fields(&self.memo.fields)
            + held::fields(&self.search_attributes.indexed_fields)
            + lists
            + fixed
            + result
            + failure
    }

    /// One that was just created.
    pub(super) fn new(life: Life, plan: Plan, status: ScheduleState, seed: &Seed) -> Self {
        let progress = Progress {
            conflict_token: super::FIRST_TOKEN,
            passed_ms: Time(life.create_time_ns).millis(),
            ..Default::default()
        };
        let mut state = Self {
            life: Arc::new(life),
            plan: Arc::new(plan),
            status: Arc::new(status),
            memo: Arc::default(),
            search_attributes: Arc::default(),
            progress,
            buffered: VecDeque::new(),
            starting: Vec::new(),
            running: Vec::new(),
            recent: VecDeque::new(),
            backfills: VecDeque::new(),
            last_completion_result: None,
            continued_failure: None,
            request_ids: VecDeque::new(),
            next: Next::Never,
        };
        state.look_ahead(seed);
        state
    }

    /// Finds the first time that is not dealt with. How many looks that took.
    pub(super) fn look_ahead(&mut self, seed: &Seed) -> usize {
        let mut looks = Looks::of(LOOKS_LOCKED);
        self.next = self.plan.spec.next(seed, self.progress.passed_ms, &mut looks);
        LOOKS_LOCKED - looks.left()
    }

    /// A moment (Unix milliseconds) before which all times have come before `now_ms`, their jitter included: no jitter
    /// reaches the next time, so that of the times before `now_ms` only the last one can be late.
    pub(super) fn settled_before(&self, now_ms: i64, seed: &Seed) -> i64 {
        let jitter_ms = self.plan.jitter_ms();
        let mut looks = Looks::of(LOOKS_LOCKED);
        let mut back_ms = 1_000;
        while back_ms < jitter_ms {
            let next = self.plan.spec.next(seed, now_ms.saturating_sub(back_ms), &mut looks);
            if matches!(next, Next::At(moment) if moment.nominal_ms <= now_ms) {
                break;
            }
            back_ms = if looks.used_up() { jitter_ms } else { back_ms * 4 };
        }
        now_ms.saturating_sub(back_ms.min(jitter_ms)).saturating_sub(1_000)
    }

    /// Whether it was deleted, or has closed by itself.
    pub(crate) fn closed(&self) -> bool {
        self.progress.close_time_ns != 0
    }

    /// Tells this life of the schedule's id from others.
    pub(crate) fn life_id(&self) -> Uuid {
        Uuid::from_slice(&self.life.id).unwrap_or_default()
    }

    /// Whether the times of the spec are acted on.
    pub(crate) fn acts(&self) -> bool {
        !self.status.paused && (!self.status.limited_actions || self.status.remaining_actions > 0)
    }

    /// Starts that have not begun anything yet, as far as is known.
    fn starts_held(&self) -> usize {
        self.buffered.len() + self.starting.len()
    }

    /// Whether there is room for one more start.
    pub(crate) fn has_room(&self) -> bool {
        self.starts_held() < BUFFER_LIMIT
    }

    /// Whether backfills may go on: scheduled starts keep half of the room.
    pub(crate) fn backfills_may_go_on(&self) -> bool {
        !self.backfills.is_empty() && self.starts_held() < BUFFER_LIMIT / 2
    }

    /// Whether something runs, or is about to, beside which only what may overlap is started.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty() || self.starting.iter().any(|pending| !pending.overlapping)
    }

    /// A pending start by its number.
    pub(crate) fn pending(&self, number: i64) -> Option<&PendingStart> {
        self.starting.iter().find(|pending| start_of(pending).number == number)
    }

    /// A running workflow by the number of its start.
    pub(crate) fn running(&self, number: i64) -> Option<&RunningWorkflow> {
        self.running.iter().find(|running| running.number == number)
    }

    /// When it wants to be woken: for a time of its spec, a backfill, a message that waits, or its end.
    pub(crate) fn wake(&self) -> Option<Time> {
        if self.closed() {
            return None;
        }
        let due = match self.next {
            Next::At(moment) => Some(Time::from_millis(moment.actual_ms)),
            Next::Later(ms) => Some(Time::from_millis(ms)),
            Next::Never => None,
        };
        let backfill = self.backfills_may_go_on().then_some(Time(self.progress.backfill_at_ns));
        let starts = self.starting.iter().map(|pending| pending.retry_at_ns);
        let retries = starts.chain(self.running.iter().map(|running| running.retry_at_ns));
        let retry = retries.filter(|at| *at != 0).min().map(Time);
        [due.filter(|_| self.acts()), backfill, retry, self.retires_at()].into_iter().flatten().min()
    }

    /// When it closes by itself: a while after the last thing that happened, where nothing is left to do. A paused one
    /// waits for people.
    pub(crate) fn retires_at(&self) -> Option<Time> {
        let coming = self.next != Next::Never && self.acts();
        let idle = self.backfills.is_empty()
            && self.buffered.is_empty()
            && self.starting.is_empty()
            && self.running.is_empty();
        if self.status.paused || coming || !idle {
            return None;
        }
        let acted = self.recent.back().and_then(|action| action.actual_time.as_ref()).map(Time::from_proto);
        let last = acted
            .unwrap_or_default()
            .max(Time(self.life.create_time_ns))
            .max(Time(self.progress.update_time_ns));
        Some(last.plus(IDLE_NANOS))
    }
}

/// The start that is pending.
pub(crate) fn start_of(pending: &PendingStart) -> BufferedStart {
    pending.start.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::duration;
    use atoll_api::temporal::api::common::v1::Payload;
    use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Schedule, ScheduleSpec};
    use std::collections::BTreeMap;

    fn seed() -> Seed {
        Seed::new(Uuid::from_u128(1), "s")
    }

    /// A schedule that is due every so many seconds, and may be late by so many.
    fn every(interval: i64, jitter: i64) -> State {
        let seconds = |seconds: i64| Some(duration(seconds * 1_000_000_000));
        let interval = IntervalSpec { interval: seconds(interval), ..Default::default() };
        let spec = ScheduleSpec { interval: vec![interval], jitter: seconds(jitter), ..Default::default() };
        of(Some(spec))
    }

    fn of(spec: Option<ScheduleSpec>) -> State {
        let (plan, status) = Plan::of(Schedule { spec, ..Default::default() }).expect("it compiles");
        State::new(Life::default(), plan, status, &seed())
    }

    fn payload() -> Payload {
        Payload { data: vec![7; 10].into(), ..Default::default() }
    }

    fn fields() -> BTreeMap<String, Payload> {
        BTreeMap::from([("name".to_owned(), payload())])
    }

    /// Something that a schedule has, and the memory that it takes.
    type Part = (&'static str, fn(&mut State), usize);

    fn parts() -> [Part; 12] {
        let values = held::message(&Payloads { payloads: vec![payload()] });
        let failure = held::message(&Failure { message: "why".into(), ..Default::default() });
        let workflow =
            |id: &str| RunningWorkflow { workflow_id: id.into(), ..Default::default() }.encoded_len();
        [
            (
                "its life",
                |it| it.life = Arc::new(Life { request_id: "12345".into(), ..Default::default() }),
                2 + 5,
            ),
            (
                "its plan",
                |it| it.plan = every(60, 0).plan,
                every(60, 0).plan.held_bytes() - of(None).plan.held_bytes(),
            ),
            (
                "what people say of it",
                |it| it.status = Arc::new(ScheduleState { notes: "123".into(), ..Default::default() }),
                2 + 3,
            ),
            ("its memo", |it| it.memo = Arc::new(Memo { fields: fields() }), held::fields(&fields())),
            (
                "its search attributes",
                |it| it.search_attributes = Arc::new(SearchAttributes { indexed_fields: fields() }),
                held::fields(&fields()),
            ),
            (
                "two that run",
                |it| it.running = vec![RunningWorkflow { workflow_id: "w".into(), ..Default::default() }; 2],
                2 * (workflow("w") + 64),
            ),
            (
                "two that start",
                |it| it.starting = vec![PendingStart { workflow_id: "w".into(), ..Default::default() }; 2],
                2 * (3 + 64),
            ),
            (
                "what it did",
                |it| {
                    it.recent =
                        [ScheduleActionResult { start_workflow_status: 1, ..Default::default() }].into()
                },
                2 + 64,
            ),
            ("requests", |it| it.request_ids = ["123".into(), "45".into()].into(), 5 + 2 * 64),
            (
                "room for starts",
                |it| it.buffered = VecDeque::with_capacity(4),
                4 * size_of::<BufferedStart>(),
            ),
            ("room for backfills", |it| it.backfills = VecDeque::with_capacity(2), 2 * size_of::<Backfill>()),
            (
                "what is left to the next one",
                |it| {
                    it.last_completion_result = Some(Arc::new(Payloads { payloads: vec![payload()] }));
                    it.continued_failure =
                        Some(Arc::new(Failure { message: "why".into(), ..Default::default() }));
                },
                values + failure,
            ),
        ]
    }

    #[test]
    fn each_part_of_a_schedule_counts_once() {
        let mut state = of(None);
        assert_eq!(state.held_bytes(), size_of::<State>() + state.plan.held_bytes());
        for (what, set, bytes) in parts() {
            assert!(bytes > 1, "{what}");
            let before = state.held_bytes();
            set(&mut state);
            assert_eq!(state.held_bytes(), before + bytes, "{what}");
        }
    }

    /// Looked at one second back, then four times as far each time and up to the jitter, until a time is found there.
    #[test]
    fn what_is_settled_lies_before_every_time_that_may_be_late() {
        let state = every(3_600, 100);
        let hour_ms = 5 * 3_600_000;
        for (since_ms, back_ms) in [
            (500, 1_000),
            (3_000, 4_000),
            (10_000, 16_000),
            (40_000, 64_000),
            (90_000, 100_000),
            (999_000, 100_000),
        ] {
            let now_ms = hour_ms + since_ms;
            assert_eq!(state.settled_before(now_ms, &seed()), now_ms - back_ms - 1_000, "{since_ms} ms");
        }
        assert_eq!(every(3_600, 0).settled_before(5_000, &seed()), 4_000, "nothing is late");
    }

    #[test]
    fn whatever_is_left_to_do_keeps_a_schedule_open() {
        let idle = of(None);
        assert_eq!(idle.retires_at(), Some(Time(IDLE_NANOS)));
        type Left = (&'static str, fn(&mut State));
        let left: [Left; 4] = [
            ("a backfill", |it| it.backfills.push_back(Backfill::default())),
            ("a start that waits", |it| it.buffered.push_back(BufferedStart::default())),
            ("one on its way", |it| it.starting.push(PendingStart::default())),
            ("one that runs", |it| it.running.push(RunningWorkflow::default())),
        ];
        for (what, make) in left {
            let mut state = idle.clone();
            make(&mut state);
            assert_eq!(state.retires_at(), None, "{what}");
        }
    }
}
