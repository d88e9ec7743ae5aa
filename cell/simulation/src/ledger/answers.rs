//! What workers were told of their answers. Each answer has a name of its own, by which it is found again.

use std::collections::{BTreeMap, BTreeSet};

/// An activity, by its run and its own id.
pub(crate) type ActivityKey = (String, String);

/// A heartbeat's details: of which attempt, and its number.
pub(crate) type Beat = (i32, u32);

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
}

impl Answers {
    /// A name that no other answer has.
    pub(crate) fn name(&mut self) -> String {
        self.named += 1;
        format!("answer {}", self.named)
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
