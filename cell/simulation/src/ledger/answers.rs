//! What workers were told of their answers. Each answer has a name of its own, by which it is found again.

use crate::workers::POLL;
use atoll_api::call::{Code, Status};
use std::collections::{BTreeMap, BTreeSet};

/// An activity, by its run and its own id.
pub(crate) type ActivityKey = (String, String);

/// A heartbeat's details: of which attempt, and its number.
pub(crate) type Beat = (i32, u32);

/// Something that a worker told the cell. Times are true ones, in nanoseconds of the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// When it was first sent.
    pub(crate) sent_at: i128,
    /// When the cell's last word came; none where none did.
    heard_at: Option<i128>,
    /// Whether the cell took it; none where nobody knows.
    pub(crate) taken: Option<bool>,
}

impl Told {
    pub(crate) fn sent(at: i128) -> Self {
        Self { sent_at: at, heard_at: None, taken: None }
    }

    /// The cell answers. What was taken stays so, whatever is answered to the same once more.
    pub(crate) fn hear<T>(&mut self, at: i128, answer: &Result<T, Status>) {
        if self.taken != Some(true) {
            self.heard_at = Some(at);
            self.taken = match answer {
                Ok(_) => Some(true),
                Err(status) => (status.code == Code::NotFound).then_some(false),
            };
        }
    }

    /// By when it was taken, if it was: a call of which nothing was heard is over by its deadline.
    pub(crate) fn until(&self) -> i128 {
        self.heard_at.unwrap_or(self.sent_at + POLL.as_nanos() as i128)
    }
}

/// What a worker told the cell of its attempt.
#[derive(Clone, Default, Debug)]
pub(crate) struct Said {
    /// Heartbeats, in their order.
    pub(crate) beats: Vec<Told>,
    /// How the attempt ended, however often that was said.
    pub(crate) end: Option<Told>,
}

/// Answers of workers that were acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    named: u64,
    /// Of workflow tasks, by run id and name.
    pub(crate) workflow_tasks: BTreeSet<(String, String)>,
    /// Completions of activities, by name.
    pub(crate) completions: BTreeMap<ActivityKey, String>,
    /// Failures of attempts of activities, by name.
    pub(crate) failures: BTreeMap<(ActivityKey, i32), String>,
    /// The last heartbeat of each activity's attempts.
    pub(crate) beats: BTreeMap<(ActivityKey, i32), Beat>,
    /// All that was said of attempts, also what nobody acknowledged.
    pub(crate) said: BTreeMap<(ActivityKey, i32), Said>,
}

impl Answers {
    /// A name that no other answer has.
    pub(crate) fn name(&mut self) -> String {
        self.named += 1;
        format!("answer {}", self.named)
    }

    /// What was said of an attempt.
    pub(crate) fn of(&mut self, attempt: &(ActivityKey, i32)) -> &mut Said {
        self.said.entry(attempt.clone()).or_default()
    }

    /// A heartbeat was acknowledged.
    pub(crate) fn beaten(&mut self, activity: ActivityKey, beat: Beat) {
        let last = self.beats.entry((activity, beat.0)).or_insert(beat);
        *last = beat.max(*last);
    }

    /// The last heartbeat of an activity up to this attempt.
    pub(crate) fn last_beat(&self, activity: &ActivityKey, attempt: i32) -> Option<Beat> {
        let of = (activity.clone(), 0)..=(activity.clone(), attempt);
        self.beats.range(of).next_back().map(|(_, beat)| *beat)
    }
}

/// The details of a heartbeat, as text.
pub(crate) fn beat_text((attempt, number): Beat) -> String {
    format!("{attempt}.{number}")
}

/// What [`beat_text`] made text of.
pub(crate) fn beat_of(text: &str) -> Option<Beat> {
    let (attempt, number) = text.split_once('.')?;
    Some((attempt.parse().ok()?, number.parse().ok()?))
}
