//! What was metered.

mod actions;
mod hours;
mod storage;

use super::Settled;
use crate::ledger::Ledger;
use crate::simulation::Site;
use actions::Totals;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, StorageClass, UsageObject};
use atoll_object_store::ObjectStore;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use storage::Stored;

/// What was metered is what the histories show and what workers were told; bytes were stored as long as their histories
/// stood; hours are sealed in turn.
pub(crate) async fn usage(site: &Site, settled: &[Settled]) {
    let mut objects = Vec::new();
    for key in site.objects.list("usage/", None, usize::MAX).await.expect("a list") {
        let bytes =
            site.objects.get(&key, usage_object::LARGEST_FILE).await.expect("readable").expect("listed");
        objects.push(usage_object::decode(bytes).expect("a usage object"));
    }
    objects.sort_by_key(|object| (object.shard, object.from_seq));
    let mut ledger = site.ledger.lock();
    let metered = Metered::of(&objects);
    let broken: Vec<String> = metered
        .gaps
        .iter()
        .cloned()
        .chain(metered.broken_actions(&actions::counted(&site.plan, settled), &ledger, settled))
        .chain(storage::broken(&metered.storage, settled))
        .chain(hours::broken(&objects))
        .collect();
    ledger.broken.extend(broken);
}

/// What usage objects say as metering takes them: of each shard every row once.
#[derive(Default)]
struct Metered {
    actions: Totals,
    storage: BTreeMap<StorageClass, Stored>,
    /// What metering would miss.
    gaps: Vec<String>,
}

impl Metered {
    fn of(objects: &[UsageObject]) -> Self {
        let mut metered = Self::default();
        let mut watermarks: BTreeMap<u32, u64> = BTreeMap::new();
        for object in objects {
            let watermark = watermarks.entry(object.shard).or_insert(1);
            if object.from_seq > *watermark {
                metered.gaps.push(format!(
                    "usage of shard {} goes on at row {} after row {watermark}",
                    object.shard, object.from_seq
                ));
            }
            for positioned in object.entries.iter().filter(|entry| entry.seq >= *watermark) {
                let Some(entry) = &positioned.entry else { continue };
                match &entry.kind {
                    Some(Kind::Actions(actions)) => {
                        *metered.actions.entry(actions.r#type()).or_default() += actions.count;
                    }
                    Some(Kind::Storage(delta)) => {
                        metered.storage.entry(delta.class()).or_default().add(entry.at_ms, delta.bytes);
                    }
                    None => {}
                }
            }
            *watermark = object.to_seq.max(*watermark);
        }
        metered
    }

    /// Actions that are not those that histories show. Some leave no event: of these only bounds are known.
    fn broken_actions(&self, counted: &Totals, ledger: &Ledger, settled: &[Settled]) -> Vec<String> {
        let shown = counted.get(&ActionType::RetryActivity).copied().unwrap_or(0);
        let unseen = retries_unseen(ledger, settled);
        let bounded = [
            (ActionType::RecordActivityHeartbeat, heartbeats(ledger)),
            (ActionType::RetryActivity, unseen.start() + shown..=unseen.end() + shown),
        ];
        let mut broken = Vec::new();
        let (mut metered, mut counted) = (self.actions.clone(), counted.clone());
        for (action, bounds) in bounded {
            let of_action = metered.remove(&action).unwrap_or(0);
            counted.remove(&action);
            if !bounds.contains(&of_action) {
                broken.push(format!("metered {of_action} times {action:?}, known are {bounds:?}"));
            }
        }
        if metered != counted {
            broken.push(format!("metered {metered:?}, histories show {counted:?}"));
        }
        broken
    }
}

/// How many heartbeats were taken: those that were acknowledged, and maybe those of which nobody knows.
fn heartbeats(ledger: &Ledger) -> RangeInclusive<u64> {
    let beats = || ledger.answers.said.values().flat_map(|said| &said.beats);
    let taken = beats().filter(|beat| beat.taken == Some(true)).count() as u64;
    let may = beats().filter(|beat| beat.taken != Some(false)).count() as u64;
    taken..=may
}

/// How many retries no history shows: those of activities that were pending when their run ended. Of the last attempt
/// that was handed out nobody knows whether another one was on its way.
fn retries_unseen(ledger: &Ledger, settled: &[Settled]) -> RangeInclusive<u64> {
    let mut attempts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for run in settled {
        let mut pending: BTreeMap<i64, &str> = BTreeMap::new();
        for event in &run.events {
            match event.attributes.as_ref() {
                Some(Event::ActivityTaskScheduledEventAttributes(a)) => {
                    pending.insert(event.event_id, &a.activity_id);
                }
                Some(Event::ActivityTaskStartedEventAttributes(a)) => {
                    pending.remove(&a.scheduled_event_id);
                }
                _ => {}
            }
        }
        for activity_id in pending.into_values() {
            let of_activity = ledger
                .handed_out
                .keys()
                .filter(|(run_id, activity, _)| *run_id == run.run_id && activity == activity_id);
            let last = of_activity.map(|(.., attempt)| *attempt as u64).max().unwrap_or(0);
            attempts.insert((&run.run_id, activity_id), last);
        }
    }
    let least = attempts.values().map(|last| last.saturating_sub(1)).sum();
    least..=attempts.values().sum()
}
