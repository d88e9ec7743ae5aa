//! `kill -9` at random points of a running load: nothing acknowledged is lost, and usage equals the recount.
//!
//! A lone cell on SQLite is put under a load of starts, signals, workflow tasks and activities, and killed again and
//! again. Everything that it ever acknowledged must be in the histories afterwards, signals exactly once; the usage
//! that it wrote must be what the metering rules give for those histories.

#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod cell;
mod load;
mod usage;

use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use cell::Cell;
use load::{Acknowledged, Load};
use rand::Rng;
use std::time::Duration;

/// How often the cell is killed.
const KILLS: usize = 20;
/// Tells *hung* from *works*.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "current_thread")]
async fn nothing_acknowledged_is_lost_and_usage_equals_the_recount() {
    let mut cell = Cell::start();
    let load = Load::start(&cell.address);
    for kill in 1..=KILLS {
        // The point of the load at which it dies is meant to be random.
        let pause = rand::rng().random_range(20..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        cell.kill();
        let acknowledged = load.starts_so_far();
        println!("kill {kill} after {pause} ms: {acknowledged} starts acknowledged so far");
        cell.restart();
    }
    let acknowledged = load.finish(PATIENCE).await;
    assert!(acknowledged.starts.len() > KILLS, "the load was a load: {} starts", acknowledged.starts.len());
    let histories = load::histories(&cell.address, &acknowledged.attempted).await;
    check(&acknowledged, &histories);
    cell.stop();
    let found = usage::total(cell.objects());
    let expected = metering_rules::recount(histories.values().flatten());
    assert_eq!(found, expected, "usage (left) and the recount of all histories (right)");
    println!(
        "{} starts, {} signals, {} completions; usage {found:?}",
        acknowledged.starts.len(),
        acknowledged.signals.len(),
        acknowledged.completions.len()
    );
}

fn check(acknowledged: &Acknowledged, histories: &load::Histories) {
    for workflow_id in &acknowledged.starts {
        assert!(histories.contains_key(workflow_id), "the acknowledged start of {workflow_id} is lost");
    }
    for (workflow_id, signal) in &acknowledged.signals {
        let taken = histories[workflow_id].iter().filter(|event| is_signal(event, signal)).count();
        assert_eq!(taken, 1, "the acknowledged signal {signal} of {workflow_id}");
    }
    for workflow_id in &acknowledged.completions {
        let last = histories[workflow_id].last().map(HistoryEvent::event_type);
        assert_eq!(last, Some(EventType::WorkflowExecutionCompleted), "completion of {workflow_id}");
    }
    for (workflow_id, history) in histories {
        let contiguous = history.iter().enumerate().all(|(at, event)| event.event_id == at as i64 + 1);
        assert!(contiguous, "event ids of {workflow_id}");
    }
}

fn is_signal(event: &HistoryEvent, name: &str) -> bool {
    matches!(&event.attributes, Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) if signal.signal_name == name)
}
