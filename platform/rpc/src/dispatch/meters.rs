use std::sync::OnceLock;
use std::time::Duration;

use atoll_api::call::{Code, Reply, Status};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Number of gRPC codes.
const CODES: usize = 17;

/// The metrics of one method: handles are looked up once, at the first call, so that unused methods have no series.
pub(super) struct Meters {
    role: &'static str,
    operation: &'static str,
    handles: OnceLock<Handles>,
}

struct Handles {
    requests: Counter,
    errors: Counter,
    latency: Histogram,
    pending: Gauge,
    by_type: [OnceLock<Counter>; CODES],
}

impl Meters {
    pub(super) fn new(role: &'static str, operation: &'static str) -> Self {
        Self { role, operation, handles: OnceLock::new() }
    }

    /// Counts a call that begins. The call is pending until the guard is dropped.
    pub(super) fn begin(&self) -> Pending<'_> {
        let handles = self.handles.get_or_init(|| {
            let labels = [("service_name", self.role), ("operation", self.operation)];
            Handles {
                requests: counter!("service_requests", &labels),
                errors: counter!("service_errors", &labels),
                latency: histogram!("service_latency", &labels),
                pending: gauge!("service_pending_requests", &labels),
                by_type: Default::default(),
            }
        });
        handles.requests.increment(1);
        handles.pending.increment(1);
        Pending { meters: self, handles }
    }
}

/// A call that has begun.
pub(super) struct Pending<'a> {
    meters: &'a Meters,
    handles: &'a Handles,
}

impl Pending<'_> {
    /// Records how the call ended. A call that is dropped instead is only no longer pending.
    pub(super) fn end(self, elapsed: Duration, outcome: &Result<Reply, Status>) {
        self.handles.latency.record(elapsed);
        if let Err(status) = outcome {
            self.handles.errors.increment(1);
            self.by_type(status.code).increment(1);
        }
    }

    fn by_type(&self, code: Code) -> &Counter {
        self.handles.by_type[code as usize].get_or_init(|| {
            let labels = [
                ("service_name", self.meters.role),
                ("operation", self.meters.operation),
                ("error_type", code.name()),
            ];
            counter!("service_error_with_type", &labels)
        })
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.handles.pending.decrement(1);
    }
}
