//! What the runtime counts, under the names that dashboards know.

use crate::fixture::*;
use cell_store::StoreError;
use cell_store::fault::{Call, Fault};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sums by metric name, whatever the labels: counts, the number of values of a histogram, the last one of a gauge.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, u64>>>);

struct Sum(Sums, String);

impl Sums {
    fn of(&self, name: &str) -> u64 {
        self.0.lock().get(name).copied().unwrap_or(0)
    }
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        *self.0.0.lock().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, value: u64) {
        self.0.0.lock().insert(self.1.clone(), value);
    }
}

impl HistogramFn for Sum {
    fn record(&self, _: f64) {
        CounterFn::increment(self, 1);
    }
}

/// The last value.
impl GaugeFn for Sum {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.absolute(value as u64);
    }
}

impl metrics::Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Sum(self.clone(), key.name().to_owned())))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Sum(self.clone(), key.name().to_owned())))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Sum(self.clone(), key.name().to_owned())))
    }
}

#[tokio::test(start_paused = true)]
async fn appends_and_transitions() {
    let sums = Sums::default();
    let _installed = metrics::set_default_local_recorder(&sums);
    let cell = Cell::new().await;
    let (requests, batches) = (sums.of("persistence_requests"), sums.of("atoll_shard_batch_bytes"));
    cell.run("w", start()).await.unwrap();
    cell.store.script(Call::Append, Fault::After(StoreError::Unavailable("away".into())));
    cell.run("w", signal("s")).await.unwrap();
    cell.run("w", PanicInApply).await.unwrap_err();
    // The batch is counted behind its answers.
    tokio::task::yield_now().await;
    assert_eq!(sums.of("persistence_requests") - requests, 3, "the start, the signal twice");
    assert_eq!(sums.of("persistence_latency"), sums.of("persistence_requests"));
    assert_eq!(sums.of("persistence_errors"), 1);
    assert_eq!(sums.of("state_transition_count"), 2, "of runs; the current-run record is none");
    assert_eq!(sums.of("atoll_shard_batch_bytes") - batches, 2);
    assert_eq!(sums.of("atoll_shard_quarantined"), 2, "both entities of the command");
}

#[tokio::test(start_paused = true)]
async fn seconds_by_which_the_wall_clock_jumped_without_being_followed() {
    let sums = Sums::default();
    let _installed = metrics::set_default_local_recorder(&sums);
    let cell = Cell::new().await;
    let shown = || sums.of("atoll_clock_jump_seconds");
    assert_eq!(shown(), 0);
    cell.clock.jump(3_600 * SECOND);
    cell.runtime.wall_time();
    assert_eq!(shown(), 3_600);
    cell.runtime.confirm_clock();
    assert_eq!(shown(), 0);
}
