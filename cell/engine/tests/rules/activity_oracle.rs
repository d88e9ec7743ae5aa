//! When an activity's time is over, and what then becomes of it, reckoned twice: by the engine, and by a model that
//! knows nothing of the engine. The model is the published description of the four timeouts and the retry policy, in
//! whole milliseconds.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1 as wanted;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::common::v1::{ActivityType, RetryPolicy};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType, RetryState, TimeoutType};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::commands::*;
use cell_engine::{EffectKind, Grace, Time};
use proptest::prelude::*;

/// Milliseconds.
type Ms = i64;

/// What was asked for. Absent: without such a limit.
#[derive(Clone, Debug)]
struct Options {
    schedule_to_close: Option<Ms>,
    schedule_to_start: Option<Ms>,
    start_to_close: Ms,
    heartbeat: Option<Ms>,
    first_pause: Ms,
    /// Each pause is so many times the one before.
    factor: i64,
    longest_pause: Ms,
    attempts: Option<i32>,
}

/// Where the activity is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Offered to workers since then.
    Offered {
        since: Ms,
    },
    /// Not offered before then.
    Pausing {
        until: Ms,
    },
    /// A worker has it.
    Taken {
        since: Ms,
        heard: Ms,
    },
    Ended(End),
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Completed,
    Canceled,
    Failed(RetryState),
    TimedOut(TimeoutType, RetryState),
}

/// What is next by the clock alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Next {
    /// Nobody took it: first where several are over at once.
    NotTaken,
    Over,
    TookTooLong,
    Silent,
    OfferAgain,
}

struct Model {
    options: Options,
    scheduled: Ms,
    attempt: i32,
    place: Place,
    cancel_requested: bool,
}

impl Model {
    fn new(options: Options, now: Ms) -> Self {
        let place = Place::Offered { since: now };
        Self { options, scheduled: now, attempt: 1, place, cancel_requested: false }
    }

    /// No limit of a part is longer than that of the whole.
    fn within(&self, limit: Ms) -> Ms {
        self.options.schedule_to_close.map_or(limit, |whole| whole.min(limit))
    }

    fn next(&self) -> Option<(Ms, Next)> {
        let over = self.options.schedule_to_close.map(|limit| (self.scheduled + limit, Next::Over));
        let start_to_close = self.within(self.options.start_to_close);
        let of_place = match self.place {
            Place::Offered { since } => {
                let limit = self.options.schedule_to_start.map(|limit| self.within(limit));
                let limit = limit.or(self.options.schedule_to_close);
                [limit.map(|limit| (since + limit, Next::NotTaken)), None]
            }
            Place::Pausing { until } => [Some((until, Next::OfferAgain)), None],
            Place::Taken { since, heard } => {
                let heartbeat = self.options.heartbeat.map(|limit| limit.min(start_to_close));
                [
                    Some((since + start_to_close, Next::TookTooLong)),
                    heartbeat.map(|limit| (heard + limit, Next::Silent)),
                ]
            }
            Place::Ended(_) => return None,
        };
        of_place.into_iter().chain([over]).flatten().min()
    }

    /// The clock reaches what is next. In a grace after a takeover nothing happens that a worker could have prevented.
    fn pass(&mut self, now: Ms, grace: bool) {
        let Some((_, next)) = self.next() else { return };
        match next {
            // The limit of the whole holds all the same.
            Next::NotTaken | Next::TookTooLong | Next::Silent if grace => {
                if self.options.schedule_to_close.is_some_and(|limit| self.scheduled + limit <= now) {
                    self.end(End::TimedOut(TimeoutType::ScheduleToClose, RetryState::NonRetryableFailure));
                }
            }
            Next::NotTaken => {
                self.end(End::TimedOut(TimeoutType::ScheduleToStart, RetryState::NonRetryableFailure));
            }
            Next::Over => {
                self.end(End::TimedOut(TimeoutType::ScheduleToClose, RetryState::NonRetryableFailure));
            }
            Next::OfferAgain => self.place = Place::Offered { since: now },
            Next::TookTooLong => self.time_out(now, TimeoutType::StartToClose),
            Next::Silent => self.time_out(now, TimeoutType::Heartbeat),
        }
    }

    fn time_out(&mut self, now: Ms, kind: TimeoutType) {
        match self.retry(now) {
            // What ended it is that there was no time for another attempt.
            Some(RetryState::Timeout) => {
                self.end(End::TimedOut(TimeoutType::ScheduleToClose, RetryState::Timeout));
            }
            Some(why) => self.end(End::TimedOut(kind, why)),
            None => {}
        }
    }

    fn fail(&mut self, now: Ms) {
        if let Some(why) = self.retry(now) {
            self.end(End::Failed(why));
        }
    }

    /// Begins the pause before the next attempt, or says why there is none.
    fn retry(&mut self, now: Ms) -> Option<RetryState> {
        // A cancellation that was asked for leaves no further attempt.
        if self.cancel_requested {
            return Some(RetryState::CancelRequested);
        }
        if self.options.attempts.is_some_and(|most| self.attempt >= most) {
            return Some(RetryState::MaximumAttemptsReached);
        }
        let pause = (1..self.attempt).fold(self.options.first_pause, |pause, _| pause * self.options.factor);
        let until = now + pause.min(self.options.longest_pause);
        if self.options.schedule_to_close.is_some_and(|limit| until > self.scheduled + limit) {
            return Some(RetryState::Timeout);
        }
        self.attempt += 1;
        self.place = Place::Pausing { until };
        None
    }

    fn end(&mut self, end: End) {
        self.place = Place::Ended(end);
    }
}

/// What happens to the activity, where it can.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// So many thousandths of the time until what is next.
    Pass(i64),
    /// What is next.
    Reach,
    /// The same, in the grace after a takeover.
    ReachInGrace,
    Take,
    Beat,
    Fail,
    Complete,
    AskToCancel,
    SayCanceled,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::*;
    let one = prop_oneof![
        4 => (0..1000_i64).prop_map(Pass),
        3 => Just(Reach),
        1 => Just(ReachInGrace),
        6 => Just(Take),
        4 => Just(Beat),
        3 => Just(Fail),
        1 => Just(Complete),
        1 => Just(AskToCancel),
        1 => Just(SayCanceled),
    ];
    proptest::collection::vec(one, 1..60)
}

fn options() -> impl Strategy<Value = Options> {
    let within = |most: Ms| 1..=most;
    (
        proptest::option::of(within(60_000)),
        proptest::option::of(within(8_000)),
        within(8_000),
        proptest::option::of(within(5_000)),
        (within(4_000), 1..=3_i64, 1..=10_i64),
        proptest::option::of(1..=4_i32),
    )
        .prop_map(
            |(schedule_to_close, schedule_to_start, start_to_close, heartbeat, pauses, attempts)| {
                let (first_pause, factor, longest) = pauses;
                let longest_pause = first_pause * longest;
                Options {
                    schedule_to_close,
                    schedule_to_start,
                    start_to_close,
                    heartbeat,
                    first_pause,
                    factor,
                    longest_pause,
                    attempts,
                }
            },
        )
}

fn duration(ms: Ms) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: ms / 1000, nanos: (ms % 1000 * 1_000_000) as i32 })
}

/// The engine's activity beside the model's.
struct Pair {
    life: Life,
    model: Model,
    token: Option<ActivityRef>,
}

const ACTIVITY: i64 = 5;

impl Pair {
    fn new(options: &Options) -> Self {
        let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
            activity_id: "a".into(),
            activity_type: Some(ActivityType { name: "work".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            schedule_to_close_timeout: options.schedule_to_close.and_then(duration),
            schedule_to_start_timeout: options.schedule_to_start.and_then(duration),
            start_to_close_timeout: duration(options.start_to_close),
            heartbeat_timeout: options.heartbeat.and_then(duration),
            retry_policy: Some(RetryPolicy {
                initial_interval: duration(options.first_pause),
                backoff_coefficient: options.factor as f64,
                maximum_interval: duration(options.longest_pause),
                maximum_attempts: options.attempts.unwrap_or_default(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let attributes = Wanted::ScheduleActivityTaskCommandAttributes(scheduled);
        let mut life = Life::started();
        life.run_task(vec![command(CommandType::ScheduleActivityTask, attributes)]);
        let model = Model::new(options.clone(), life.now.0 / 1_000_000);
        Self { life, model, token: None }
    }

    fn now(&self) -> Ms {
        self.life.now.0 / 1_000_000
    }

    fn happen(&mut self, happening: Happening) {
        let taken = matches!(self.model.place, Place::Taken { .. });
        match happening {
            Happening::Pass(share) => {
                let Some((at, _)) = self.model.next() else { return };
                self.life.now.0 += (at - self.now()) * share / 1000 * 1_000_000;
                // Too early for anything.
                if self.now() < at {
                    self.wake(false);
                }
            }
            Happening::Reach => self.reach(false),
            Happening::ReachInGrace => self.reach(true),
            Happening::Take if matches!(self.model.place, Place::Offered { .. }) => self.take(),
            Happening::Beat if taken => self.beat(),
            Happening::Fail if taken => {
                let info = FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo::default());
                let failed = RespondActivityFailed {
                    activity: self.token(),
                    failure: Some(Failure { failure_info: Some(info), ..Default::default() }),
                    identity: String::new(),
                    last_heartbeat_details: None,
                };
                self.life.ask(failed).expect("a worker has it");
                self.model.fail(self.now());
            }
            Happening::Complete if taken => {
                let activity = self.token();
                let done = RespondActivityCompleted { activity, result: None, identity: String::new() };
                self.life.ask(done).expect("a worker has it");
                self.model.end(End::Completed);
            }
            Happening::AskToCancel if !self.ended() && !self.model.cancel_requested => self.ask_to_cancel(),
            Happening::SayCanceled if taken && self.model.cancel_requested => {
                let activity = self.token();
                let canceled = RespondActivityCanceled { activity, details: None, identity: String::new() };
                self.life.ask(canceled).expect("it was asked for");
                self.model.end(End::Canceled);
            }
            _ => {}
        }
    }

    fn ended(&self) -> bool {
        matches!(self.model.place, Place::Ended(_))
    }

    fn token(&self) -> ActivityRef {
        self.token.clone().expect("a worker has it")
    }

    fn reach(&mut self, grace: bool) {
        let Some((at, _)) = self.model.next() else { return };
        self.life.now = self.life.now.max(Time(at * 1_000_000));
        self.model.pass(self.now(), grace);
        self.wake(grace);
    }

    fn wake(&mut self, grace: bool) {
        let taken_over_now = Grace { since: self.life.now, at_most_ns: i64::MAX };
        let grace = if grace { taken_over_now } else { Grace::NONE };
        self.life.ask(Wake { grace }).expect("a wake is never refused");
    }

    fn take(&mut self) {
        let effects = self.life.effects();
        let dispatch = effects.into_iter().find_map(|effect| match effect.kind {
            EffectKind::DispatchActivity(dispatch) => Some(dispatch),
            _ => None,
        });
        let dispatch = dispatch.expect("it is offered");
        let poll = RecordActivityStarted {
            scheduled_event_id: ACTIVITY,
            stamp: dispatch.stamp,
            identity: "worker".into(),
            ..Default::default()
        };
        let started = self.life.ask(poll).expect("it is offered");
        assert_eq!(started.attempt, self.model.attempt, "the attempt that a worker is told");
        self.token = Some(ActivityRef::Token {
            scheduled_event_id: ACTIVITY,
            attempt: started.attempt,
            nonce: started.nonce,
        });
        self.model.place = Place::Taken { since: self.now(), heard: self.now() };
    }

    fn beat(&mut self) {
        let beat = RecordActivityHeartbeat { activity: self.token(), details: None };
        let reply = self.life.ask(beat).expect("a worker has it");
        assert_eq!(reply.cancel_requested, self.model.cancel_requested, "what a heartbeat tells the worker");
        if let Place::Taken { since, .. } = self.model.place {
            self.model.place = Place::Taken { since, heard: self.now() };
        }
    }

    /// The workflow asks for it in a workflow task.
    fn ask_to_cancel(&mut self) {
        let cancel = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: ACTIVITY };
        let attributes = Wanted::RequestCancelActivityTaskCommandAttributes(cancel);
        self.life.signal();
        let task = self.life.take_task();
        self.life
            .complete(task, vec![command(CommandType::RequestCancelActivityTask, attributes)])
            .expect("it is pending");
        // The task that follows where it ended at once.
        self.model.cancel_requested = true;
        if !matches!(self.model.place, Place::Taken { .. }) {
            self.model.end(End::Canceled);
        }
    }

    /// Both say the same.
    fn agree(&self) {
        let wake = self.life.run().wake();
        let expected = self.model.next().map(|(at, _)| Time(at * 1_000_000));
        assert_eq!(
            wake, expected,
            "when something is next; {:?}, {:?}",
            self.model.place, self.model.options
        );
        let ended = self.life.history.iter().rev().find_map(|event| match &event.attributes {
            Some(A::ActivityTaskCompletedEventAttributes(_)) => Some(End::Completed),
            Some(A::ActivityTaskCanceledEventAttributes(_)) => Some(End::Canceled),
            Some(A::ActivityTaskFailedEventAttributes(a)) => Some(End::Failed(a.retry_state())),
            Some(A::ActivityTaskTimedOutEventAttributes(a)) => {
                let info = a.failure.as_ref().and_then(|failure| failure.failure_info.as_ref());
                let Some(FailureInfo::TimeoutFailureInfo(info)) = info else { panic!("{a:?}") };
                Some(End::TimedOut(info.timeout_type(), a.retry_state()))
            }
            _ => None,
        });
        match (self.model.place, ended) {
            (Place::Ended(expected), Some(ended)) => assert_eq!(ended, expected, "{:?}", self.model.options),
            (Place::Ended(expected), None) => panic!("not ended: {expected:?}"),
            (_, ended) => assert_eq!(ended, None, "{:?}", self.model.place),
        }
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(500))]

    #[test]
    fn an_activity_keeps_time(options in options(), happenings in happenings()) {
        let mut pair = Pair::new(&options);
        pair.agree();
        for happening in happenings {
            pair.happen(happening);
            pair.agree();
        }
    }
}

fn plain() -> Options {
    Options {
        schedule_to_close: None,
        schedule_to_start: None,
        start_to_close: 60_000,
        heartbeat: None,
        first_pause: 1_000,
        factor: 2,
        longest_pause: 100_000,
        attempts: None,
    }
}

#[test]
fn heartbeats_keep_an_activity_alive() {
    let mut pair = Pair::new(&Options { heartbeat: Some(2_000), ..plain() });
    pair.happen(Happening::Take);
    for _ in 0..20 {
        pair.life.now.0 += 1_500_000_000;
        pair.wake(false);
        pair.happen(Happening::Beat);
        pair.agree();
    }
    assert_eq!(pair.model.attempt, 1);
    pair.life.now.0 += 2_000_000_000;
    pair.wake(false);
    assert_eq!(pair.life.run().describe().activities[0].attempt, 2, "silence ends the attempt");
}

#[test]
fn schedule_to_close_counts_over_all_attempts() {
    let mut pair = Pair::new(&Options { schedule_to_close: Some(10_000), ..plain() });
    let began = pair.now();
    for attempt in 1..=3 {
        pair.happen(Happening::Take);
        pair.happen(Happening::Fail);
        pair.agree();
        assert_eq!(pair.model.attempt, attempt + 1);
        pair.happen(Happening::Reach);
    }
    // 1 + 2 + 4 seconds of pauses are over; the fourth attempt has the 3 seconds that are left.
    pair.happen(Happening::Take);
    pair.happen(Happening::Reach);
    pair.agree();
    assert_eq!(pair.now() - began, 10_000);
    let end = End::TimedOut(TimeoutType::ScheduleToClose, RetryState::NonRetryableFailure);
    assert_eq!(pair.model.place, Place::Ended(end));
}

#[test]
fn a_heartbeat_tells_the_worker_of_a_cancellation() {
    let mut pair = Pair::new(&plain());
    pair.happen(Happening::Take);
    pair.happen(Happening::Beat);
    pair.happen(Happening::AskToCancel);
    pair.happen(Happening::Beat);
    assert!(pair.model.cancel_requested);
    pair.happen(Happening::SayCanceled);
    pair.agree();
    assert_eq!(
        pair.life.history.iter().filter(|e| e.event_type() == EventType::ActivityTaskCanceled).count(),
        1
    );
}

#[test]
fn after_a_takeover_no_worker_is_late() {
    let mut pair = Pair::new(&Options { heartbeat: Some(2_000), ..plain() });
    pair.happen(Happening::Take);
    pair.happen(Happening::ReachInGrace);
    pair.happen(Happening::Beat);
    pair.agree();
    assert_eq!(pair.model.attempt, 1, "it is heard in time after all");
}
