//! Random lives of a schedule, beside a cell that starts what it asks for: messages are lost, repeated and late, and
//! the schedule comes back from what is stored after every step (`Life`). It is deleted and created again under its id
//! while answers are still to come.
//!
//! What is due is told by arithmetic of its own: multiples of the interval, less those of pauses.

use super::life::*;
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy as Reuse;
use atoll_api::temporal::api::schedule::v1 as api;
use cell_engine::commands::StartReply;
use cell_engine::{
    Answer, CreateSchedule, DeleteSchedule, EffectKey, Entity, Rejection, Time, Undelivered, WorkflowRequest,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What becomes of a message.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// The same, and so many seconds later it counts as not delivered.
    NotDeliveredAfterAll(u16),
    NotDelivered,
    /// Its turn comes so many seconds later.
    Postponed(u8),
    /// It arrives, and its answer stays under way. Meanwhile it is not sent again.
    AnswerLate,
    /// It arrives, and its answer comes once more later.
    AnsweredTwice,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Advance(u16),
    /// Nobody is there for so many intervals.
    Away(u16),
    Deliver(u8, Fate),
    End(u8, bool),
    Tell(u8, Fate),
    Trigger(Overlap),
    Backfill(u8),
    Pause,
    Unpause,
    /// An answer that is under way comes.
    Lands(u8),
    /// It is deleted, and another is created under its id, which starts something at once.
    Recreate,
}

/// Which message, what it asked, and what came of it.
type UnderWay = (EffectKey, Uuid, Answer);

fn any_policy() -> impl Strategy<Value = Overlap> {
    prop_oneof![
        Just(Overlap::Skip),
        Just(Overlap::BufferOne),
        Just(Overlap::BufferAll),
        Just(Overlap::CancelOther),
        Just(Overlap::TerminateOther),
        Just(Overlap::AllowAll),
    ]
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Arrives),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::NotDelivered),
        1 => (1u8..100).prop_map(Fate::Postponed),
        1 => Just(Fate::AnswerLate),
        1 => (1u16..400).prop_map(Fate::NotDeliveredAfterAll),
        1 => Just(Fate::AnsweredTwice),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u16..400).prop_map(Step::Advance),
        1 => (1u16..40).prop_map(Step::Away),
        8 => (any::<u8>(), any_fate()).prop_map(|(pick, fate)| Step::Deliver(pick, fate)),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(pick, ok)| Step::End(pick, ok)),
        4 => (any::<u8>(), any_fate()).prop_map(|(pick, fate)| Step::Tell(pick, fate)),
        1 => any_policy().prop_map(Step::Trigger),
        1 => (1u8..30).prop_map(Step::Backfill),
        1 => Just(Step::Pause),
        1 => Just(Step::Unpause),
        2 => any::<u8>().prop_map(Step::Lands),
        1 => Just(Step::Recreate),
    ]
}

/// A workflow that was started.
struct Workflow {
    wanted: Wanted,
    /// Which of the schedules of the id.
    of: usize,
    running: bool,
    /// Nobody has heard of its end.
    untold: bool,
    ok: bool,
}

struct World {
    life: Life,
    schedule: api::Schedule,
    /// Schedules that were created under the id before.
    before: usize,
    under_way: Vec<UnderWay>,
    interval: i64,
    policy: Overlap,
    /// By request id.
    workflows: BTreeMap<String, Workflow>,
    /// What is due, by arithmetic: the workflow ids that belong to the times.
    due: BTreeSet<String>,
    looked_at: Time,
    paused: bool,
    /// Triggers and backfilled times.
    by_request: i64,
    /// Whether a start may take the place of another, which is not counted.
    replaces: bool,
    refused: i64,
}

impl World {
    fn new(policy: Overlap, interval: i64, catchup: Option<i64>) -> Self {
        let mut schedule = with_policies(policy, |policies| {
            policies.catchup_window = catchup.and_then(seconds);
        });
        schedule.spec.as_mut().expect("one").interval[0].interval = seconds(interval);
        Self {
            life: Life::with(schedule.clone()),
            schedule,
            before: 0,
            under_way: Vec::new(),
            interval,
            policy,
            workflows: BTreeMap::new(),
            due: BTreeSet::new(),
            looked_at: BEGIN,
            paused: false,
            by_request: 0,
            replaces: replaces(policy),
            refused: 0,
        }
    }

    /// The schedule gives way to another one of its id.
    fn recreate(&mut self) {
        self.life.ask(DeleteSchedule).expect("it is there");
        let trigger = api::TriggerImmediatelyRequest::default();
        let create = CreateSchedule {
            request_id: format!("create again {}", self.before),
            schedule: self.schedule.clone(),
            initial_patch: Some(api::SchedulePatch {
                trigger_immediately: Some(trigger),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.life.ask(create).expect("its id is free");
        self.before += 1;
        (self.looked_at, self.paused) = (self.life.now, false);
        self.due.clear();
        (self.by_request, self.refused, self.replaces) = (1, 0, replaces(self.policy));
    }

    /// The schedule hears what came of a message.
    fn hears(&mut self, (key, ask_id, answer): UnderWay) {
        let (steps, missed) = (self.life.steps(), self.life.info().missed_catchup_window);
        let starts = matches!(key, EffectKey::Own(1, _));
        let refused = starts && matches!(answer, Answer::Refused(_));
        self.life.answer_to(key, ask_id, answer);
        let missed = self.life.info().missed_catchup_window > missed;
        self.refused += i64::from(refused && !missed && self.life.steps() > steps);
    }

    /// What has come due since the last look.
    fn look(&mut self) {
        let second = |time: Time| time.0.div_euclid(SECOND);
        let (from, to) = (second(self.looked_at), second(self.life.now));
        self.looked_at = self.life.now;
        if !self.paused {
            let first = (from.div_euclid(self.interval) + 1) * self.interval;
            let due = (first..=to).step_by(self.interval as usize);
            self.due.extend(due.map(|second| format!("w-{}", schedule_spec::rfc3339(second * 1_000))));
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Advance(by) => {
                let to = self.life.now.plus(i64::from(by) * SECOND);
                self.life.until(to);
                self.look();
            }
            Step::Away(intervals) => {
                let to = self.life.now.plus(i64::from(intervals) * self.interval * SECOND);
                self.life.away_until(to);
                self.look();
            }
            Step::Deliver(pick, fate) => self.deliver(pick, fate),
            Step::End(pick, ok) => {
                let mut running: Vec<_> = self.workflows.values_mut().filter(|it| it.running).collect();
                let length = running.len().max(1);
                if let Some(workflow) = running.get_mut(usize::from(pick) % length) {
                    (workflow.running, workflow.untold, workflow.ok) = (false, true, ok);
                }
            }
            Step::Tell(pick, fate) => self.tell(pick, fate),
            Step::Trigger(policy) => {
                self.by_request += 1;
                self.replaces |= replaces(policy);
                self.life.trigger(policy);
            }
            Step::Backfill(intervals) => {
                let now = self.life.now.0.div_euclid(SECOND);
                let last = now.div_euclid(self.interval) * self.interval;
                let first = last - i64::from(intervals - 1) * self.interval;
                self.by_request += i64::from(intervals);
                self.life.backfill(Time(first * SECOND), Time(last * SECOND), Overlap::BufferAll);
            }
            // What waits when it is paused is dropped, and not counted: only where nothing waits is the sum known.
            Step::Pause if matches!(self.policy, Overlap::Skip | Overlap::AllowAll) && !self.paused => {
                self.life.pause("pause");
                self.paused = true;
            }
            Step::Unpause if self.paused => {
                self.life.unpause("unpause");
                self.look();
                self.paused = false;
            }
            Step::Pause | Step::Unpause => {}
            Step::Lands(pick) if !self.under_way.is_empty() => {
                let at = usize::from(pick) % self.under_way.len();
                let landed = self.under_way.remove(at);
                self.hears(landed);
            }
            Step::Lands(_) => {}
            Step::Recreate => self.recreate(),
        }
        self.check();
    }

    /// What is asked now, but for what is under way.
    fn asked(&self) -> Vec<(EffectKey, Uuid)> {
        let starts = self.life.starts().into_iter().map(|wanted| (wanted.key, wanted.ask_id));
        let asks = self.life.asks().into_iter().map(|(key, ask)| (key, ask.id));
        let is_under_way = |id: Uuid| self.under_way.iter().any(|(_, asked, _)| *asked == id);
        starts.chain(asks).filter(|(_, id)| !is_under_way(*id)).collect()
    }

    fn deliver(&mut self, pick: u8, fate: Fate) {
        let asked = self.asked();
        let Some((key, ask_id)) = asked.get(usize::from(pick) % asked.len().max(1)).copied() else { return };
        if matches!(fate, Fate::NotDelivered) {
            return self.life.tell(Undelivered(key)).expect("it waits");
        }
        let wanted = self.life.starts().into_iter().find(|wanted| wanted.key == key);
        if let (Fate::Postponed(by), Some(wanted)) = (fate, &wanted)
            && wanted.takes_turns
        {
            let turn = self.life.now.plus(i64::from(by) * SECOND);
            return self.life.answer(key, Answer::Postponed(turn));
        }
        let answer = match wanted {
            Some(wanted) => self.start(wanted),
            None => self.make_room(key),
        };
        let came = (key, ask_id, answer);
        match fate {
            Fate::AnswerLost => {}
            Fate::NotDeliveredAfterAll(seconds) => {
                self.under_way.push(came);
                self.step(Step::Advance(seconds));
                self.under_way.pop();
                self.life.tell(Undelivered(key)).expect("it waits");
            }
            Fate::AnswerLate => self.under_way.push(came),
            Fate::AnsweredTwice => {
                self.hears(came.clone());
                self.under_way.push(came);
            }
            Fate::Arrives | Fate::NotDelivered | Fate::Postponed(_) => self.hears(came),
        }
    }

    /// What a cell does with a start.
    fn start(&mut self, wanted: Wanted) -> Answer {
        let run_id = wanted.run_id();
        let request_id = wanted.start.request_id.clone();
        if !self.workflows.contains_key(&request_id) {
            if wanted.start.finds_only {
                return Answer::Refused(Rejection::NotFound("nothing was begun".into()));
            }
            let mut same = self.workflows.values().filter(|it| it.wanted.workflow_id == wanted.workflow_id);
            let once = wanted.start.id_reuse_policy == Reuse::RejectDuplicate as i32;
            if same.any(|it| it.running || once) {
                return Answer::Refused(Rejection::InvalidArgument("the id is in use".into()));
            }
            let workflow = Workflow { wanted, of: self.before, running: true, untold: false, ok: false };
            self.workflows.insert(request_id, workflow);
        }
        let status = atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus::Running;
        Answer::Started(StartReply { run_id, first_execution_run_id: run_id, started: true, status })
    }

    /// What it does with a workflow that is in the way.
    fn make_room(&mut self, key: EffectKey) -> Answer {
        let asks = self.life.asks();
        let (_, ask) = asks.iter().find(|(asked, _)| *asked == key).expect("it is wanted");
        if matches!(ask.request, WorkflowRequest::Terminate(_)) {
            let id = &*ask.target.workflow_id;
            let it = self.workflows.values_mut().find(|it| it.running && it.wanted.workflow_id == id);
            it.into_iter().for_each(|it| (it.running, it.untold) = (false, true));
        }
        Answer::Done
    }

    /// Workflows of whose end nobody has heard.
    fn untold(&self) -> Vec<String> {
        self.workflows.iter().filter(|(_, it)| it.untold).map(|(id, _)| id.clone()).collect()
    }

    fn tell(&mut self, pick: u8, fate: Fate) {
        let untold = self.untold();
        if let Some(id) = untold.get(usize::from(pick) % untold.len().max(1)) {
            self.tell_end(id, fate);
        }
    }

    fn tell_end(&mut self, id: &str, fate: Fate) {
        if matches!(fate, Fate::NotDelivered | Fate::Postponed(_)) {
            return;
        }
        let workflow = &self.workflows[id];
        let end = if workflow.ok { End::Completed(Some("ok")) } else { End::Failed("no") };
        let wanted = workflow.wanted.clone();
        let told = self.life.end(&wanted, end);
        if told.is_ok() && !matches!(fate, Fate::AnswerLost) {
            self.workflows.get_mut(id).expect("it is there").untold = false;
        }
    }

    /// What the schedule that there is now has started.
    fn of_this(&self) -> impl Iterator<Item = &Workflow> {
        self.workflows.values().filter(|it| it.of == self.before)
    }

    /// What holds at any time.
    fn check(&self) {
        let mut by_time: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let once = |it: &&Workflow| it.wanted.start.id_reuse_policy == Reuse::RejectDuplicate as i32;
        for workflow in self.of_this().filter(once) {
            let same = by_time.entry(&workflow.wanted.workflow_id).or_default();
            same.insert(&workflow.wanted.start.request_id);
            assert_eq!(same.len(), 1, "a time was acted on twice: {same:?}");
        }
        for id in by_time.keys() {
            assert!(self.due.contains(*id), "{id} was not due");
        }
        if self.policy != Overlap::AllowAll {
            assert!(self.life.info().running_workflows.len() <= 1, "one at a time");
        }
    }

    /// Everything comes to an end: messages arrive, workflows end.
    fn drain(&mut self) {
        for landed in std::mem::take(&mut self.under_way) {
            self.hears(landed);
        }
        for turn in 0..20_000 {
            let to = self.life.now.plus(SECOND / 10);
            self.life.until(to);
            self.look();
            while !self.asked().is_empty() {
                self.deliver(0, Fate::Arrives);
            }
            self.workflows.values_mut().filter(|it| it.running).for_each(|it| {
                (it.running, it.untold, it.ok) = (false, true, true);
            });
            for id in self.untold() {
                self.tell_end(&id, Fate::Arrives);
            }
            let waits = self.life.info().buffer_size > 0 || self.life.schedule().is_busy();
            let (wanted, gone) = self.sums();
            // What is replaced is not counted: then it is all over once every turn has come.
            let accounted = if self.replaces { turn > 1_050 } else { gone == wanted };
            if !waits && accounted {
                return;
            }
        }
        panic!("{:?} of {:?}: {:?}", self.sums().1, self.sums().0, self.life.info());
    }

    /// What was wanted, and what became of it.
    fn sums(&self) -> (i64, i64) {
        let info = self.life.info();
        let gone = info.action_count + info.overlap_skipped + info.buffer_dropped;
        let gone = gone + info.missed_catchup_window + self.refused;
        (self.due.len() as i64 + self.by_request, gone)
    }

    /// Every time that was due, and everything that was asked for, is accounted for.
    fn account(&self) {
        let info = self.life.info();
        let (wanted, gone) = self.sums();
        assert_eq!(info.action_count as usize, self.of_this().count(), "what was started is counted once");
        assert!(gone <= wanted && (self.replaces || gone == wanted), "{gone} of {wanted}: {info:?}");
    }
}

fn replaces(policy: Overlap) -> bool {
    matches!(policy, Overlap::CancelOther | Overlap::TerminateOther)
}

proptest! {
    #![proptest_config(atoll_seed::cases(48))]

    #[test]
    fn nothing_is_lost_and_nothing_started_twice(
        policy in any_policy(),
        interval in 60i64..600,
        catchup in prop::option::of(10i64..300),
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        let mut world = World::new(policy, interval, catchup);
        for step in steps {
            world.step(step);
        }
        world.drain();
        world.account();
    }
}
