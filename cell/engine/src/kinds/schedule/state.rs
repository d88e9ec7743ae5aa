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

    /// Whether there is room for one more start.
    pub(crate) fn has_room(&self) -> bool {
        self.buffered.len() + self.starting.len() < BUFFER_LIMIT
    }

    /// Whether backfills may go on: scheduled starts keep half of the buffer.
    pub(crate) fn backfills_may_go_on(&self) -> bool {
        !self.backfills.is_empty() && self.buffered.len() < BUFFER_LIMIT / 2
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
