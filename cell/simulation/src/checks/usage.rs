//! What was metered.

use super::Settled;
use super::promises::is_terminated;
use crate::ledger::Ledger;
use crate::simulation::Site;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, UsageObject};
use atoll_object_store::ObjectStore;
use metering_rules::{Totals, recount};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What was metered is what the histories show; every byte that came into storage went out of it.
pub(crate) async fn usage(site: &Site, settled: &[Settled]) {
    let mut objects = Vec::new();
    for key in site.objects.list("usage/", None, usize::MAX).await.expect("a list") {
        let bytes = site.objects.get(&key).await.expect("readable").expect("listed");
        objects.push(usage_object::decode(bytes).expect("a usage object"));
    }
    objects.sort_by_key(|object| (object.shard, object.from_seq));
    let mut ledger = site.ledger.lock();
    let (metered, bytes, gaps) = metered(&objects);
    ledger.broken.extend(gaps);
    let mut counted = Totals::new();
    for (action, count) in settled.iter().flat_map(|run| recount(&run.events)) {
        *counted.entry(action).or_default() += count;
    }
    let schedules = site.plan.schedules.len() as u64;
    if schedules > 0 {
        counted.insert(ActionType::CreateSchedule, schedules);
        counted.insert(ActionType::DeleteSchedule, schedules);
    }
    // Heartbeats leave no event.
    let mut shown: Totals =
        metered.into_iter().filter(|(action, _)| *action != ActionType::RecordActivityHeartbeat).collect();
    let unseen = retries_unseen(&ledger, settled);
    let (retried, seen) =
        [&shown, &counted].map(|of| of.get(&ActionType::RetryActivity).copied().unwrap_or(0)).into();
    if (unseen.start() + seen..=unseen.end() + seen).contains(&retried) && *unseen.end() > 0 {
        shown.remove(&ActionType::RetryActivity);
        counted.remove(&ActionType::RetryActivity);
    }
    if shown != counted {
        ledger.broke(format!("metered {shown:?}, histories show {counted:?}"));
    }
    if bytes != 0 {
        ledger.broke(format!("{bytes} bytes are stored when nothing is"));
    }
}

/// How many retries no history shows: those of activities that were pending when their run was ended by force. Of the
/// last attempt that was handed out nobody knows whether another one was on its way.
fn retries_unseen(ledger: &Ledger, settled: &[Settled]) -> RangeInclusive<u64> {
    let mut attempts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for run in settled.iter().filter(|run| is_terminated(run)) {
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

/// Actions and bytes as metering takes them: of each shard every row once. And what it would miss.
fn metered(objects: &[UsageObject]) -> (Totals, i64, Vec<String>) {
    let mut totals = Totals::new();
    let (mut bytes, mut gaps) = (0, Vec::new());
    let mut watermarks: BTreeMap<u32, u64> = BTreeMap::new();
    for object in objects {
        let watermark = watermarks.entry(object.shard).or_insert(1);
        if object.from_seq > *watermark {
            gaps.push(format!(
                "usage of shard {} goes on at row {} after row {watermark}",
                object.shard, object.from_seq
            ));
        }
        for positioned in object.entries.iter().filter(|entry| entry.seq >= *watermark) {
            match positioned.entry.as_ref().and_then(|entry| entry.kind.as_ref()) {
                Some(Kind::Actions(actions)) => {
                    *totals.entry(actions.r#type()).or_default() += actions.count;
                }
                Some(Kind::Storage(delta)) => bytes += delta.bytes,
                None => {}
            }
        }
        *watermark = object.to_seq.max(*watermark);
    }
    (totals, bytes, gaps)
}
