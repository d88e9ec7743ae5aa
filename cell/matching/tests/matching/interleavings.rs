//! Random interleavings of everything that offers, polls, goes away, accepts and gives back, against a model.

use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use cell_matching::{Matching, MatchingConfig, Offer, PollOutcome, QueryError, QueryLease, TaskLease};
use proptest::prelude::*;
use tokio::time::advance;

use crate::support::{BoxedPoll, begin, normal, query, step, task};

/// Small enough that random runs fill it.
const BACKLOG: usize = 1_000;

#[derive(Clone, Debug)]
enum Step {
    Offer { priority: u8, at: i64 },
    Query,
    Poll,
    DropPoll(usize),
    WakePoll(usize),
    Accept(usize),
    GiveBack(usize),
    Withdraw(usize),
    Advance(u64),
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = 0..64usize;
    let one = prop_oneof![
        6 => (1..=5u8, 0..4i64).prop_map(|(priority, at)| Step::Offer { priority, at }),
        1 => Just(Step::Query),
        5 => Just(Step::Poll),
        3 => any.clone().prop_map(Step::DropPoll),
        4 => any.clone().prop_map(Step::WakePoll),
        3 => any.clone().prop_map(Step::Accept),
        2 => any.clone().prop_map(Step::GiveBack),
        1 => any.prop_map(Step::Withdraw),
        1 => (0..40u64).prop_map(Step::Advance),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(one, 1..120)
}

type Dispatch = Pin<Box<dyn Future<Output = Result<Bytes, QueryError>>>>;

/// Place in the order: priority, schedule time, order of arrival (the event id).
type Place = (u8, i64, i64);

struct Run {
    matching: Arc<Matching>,
    polls: Vec<BoxedPoll>,
    leases: Vec<TaskLease>,
    query_leases: Vec<QueryLease>,
    queries: Vec<Dispatch>,
    /// Tasks that were taken in and not accepted yet: each is in the backlog, on its way to a poll, or leased.
    alive: BTreeSet<Place>,
    next: i64,
}

impl Run {
    fn new() -> Self {
        let config = MatchingConfig {
            backlog_limit: BACKLOG,
            backlog_refill_below: 2,
            // No store keeps what an idle partition lets go of.
            idle_unload: Duration::MAX,
            ..MatchingConfig::default()
        };
        Self {
            matching: Matching::new(config),
            polls: Vec::new(),
            leases: Vec::new(),
            query_leases: Vec::new(),
            queries: Vec::new(),
            alive: BTreeSet::new(),
            next: 0,
        }
    }

    fn place(lease: &TaskLease) -> Place {
        let task = lease.task();
        (task.priority, task.scheduled_at_ms, task.scheduled_event_id)
    }

    fn backlog(&self) -> usize {
        self.matching.describe(&normal(), 0).map_or(0, |stats| stats.backlog_count)
    }

    /// Takes an outcome; `waiting` is what stood in the backlog before a poll that ended at once.
    fn outcome(&mut self, outcome: PollOutcome) {
        match outcome {
            PollOutcome::Task(lease) => {
                let place = Self::place(&lease);
                assert!(self.alive.contains(&place), "an accepted task came again: {place:?}");
                assert!(
                    self.leases.iter().all(|other| Self::place(other) != place),
                    "leased twice: {place:?}"
                );
                self.leases.push(lease);
            }
            PollOutcome::Query(lease) => self.query_leases.push(lease),
            PollOutcome::Empty => {}
            other => panic!("nobody asked for {other:?}"),
        }
    }

    fn offer(&mut self, priority: u8, at: i64) {
        self.next += 1;
        let mut task = task(self.next);
        (task.priority, task.scheduled_at_ms) = (priority, at);
        let before = self.backlog();
        match self.matching.offer(&normal(), task) {
            Offer::Full(_) => assert!(before >= BACKLOG),
            Offer::Matched => {
                assert_eq!(before, 0, "a parked poll and a backlog at once");
                self.alive.insert((priority, at, self.next));
            }
            Offer::Queued => {
                assert!(before < BACKLOG);
                self.alive.insert((priority, at, self.next));
            }
            other => panic!("a normal queue never answers {other:?}"),
        }
    }

    fn poll(&mut self) {
        match begin(&self.matching, &normal()) {
            Ok(outcome) => {
                if let PollOutcome::Task(lease) = &outcome {
                    let (place, count) = (Self::place(lease), self.backlog() + 1);
                    // Whatever is alive and comes before it is on lease or on its way to another poll.
                    let before = self.alive.range(..place).count();
                    let elsewhere = self.alive.len() - count;
                    assert!(before <= elsewhere, "{before} tasks go before {place:?}, {elsewhere} are out");
                }
                self.outcome(outcome);
            }
            Err(poll) => self.polls.push(poll),
        }
    }

    async fn step(&mut self, step_to_take: Step) {
        match step_to_take {
            Step::Offer { priority, at } => self.offer(priority, at),
            Step::Query => {
                self.next += 1;
                let id = self.next as u128;
                let mut asked =
                    Box::pin(self.matching.dispatch_query(&normal(), query(id), Duration::from_secs(30)));
                assert!(step(&mut asked).is_none());
                self.queries.push(asked);
            }
            Step::Poll => self.poll(),
            Step::DropPoll(n) if !self.polls.is_empty() => drop(self.polls.swap_remove(n % self.polls.len())),
            Step::WakePoll(n) if !self.polls.is_empty() => {
                let n = n % self.polls.len();
                if let Some(outcome) = step(&mut self.polls[n]) {
                    drop(self.polls.swap_remove(n));
                    self.outcome(outcome);
                }
            }
            Step::Accept(n) if !self.leases.is_empty() => {
                let lease = self.leases.swap_remove(n % self.leases.len());
                assert!(self.alive.remove(&Self::place(&lease)));
                lease.accept();
            }
            Step::GiveBack(n) if !self.leases.is_empty() => {
                drop(self.leases.swap_remove(n % self.leases.len()))
            }
            Step::Withdraw(n) if !self.queries.is_empty() => {
                drop(self.queries.swap_remove(n % self.queries.len()))
            }
            Step::Advance(seconds) => advance(Duration::from_secs(seconds)).await,
            Step::Sweep => self.matching.sweep(0),
            _ => {}
        }
    }

    /// Everybody goes away; what is left must be exactly what was taken in and not accepted, in order.
    fn settle(mut self) {
        self.polls.clear();
        self.leases.clear();
        self.query_leases.clear();
        self.queries.clear();
        let mut left = Vec::new();
        while let Ok(outcome) = begin(&self.matching, &normal()) {
            let PollOutcome::Task(lease) = outcome else {
                panic!("a withdrawn query came back: {outcome:?}")
            };
            left.push(Self::place(&lease));
            lease.accept();
        }
        assert_eq!(left, self.alive.into_iter().collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new();
            for step in steps {
                run.step(step).await;
            }
            run.settle();
        });
    }
}
