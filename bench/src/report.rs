//! What a run found.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;

/// What a run found. Times are milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Workflows asked for.
    pub workflows: u64,
    /// Workflows whose completion the server acknowledged.
    pub completed: u64,
    /// Completed workflows whose closing event was read back.
    pub verified: u64,
    /// Calls that failed, by method and code.
    pub errors: Vec<(String, u64)>,
    /// Seconds from the first start to the last completion.
    pub seconds: f64,
    /// Completed workflows per second.
    pub workflows_per_second: f64,
    /// Time of the start call.
    pub start_ms: Quantiles,
    /// Time from sending the start to the acknowledged completion.
    pub start_to_result_ms: Quantiles,
    /// Time from a start's acknowledgement until a list has the run; none where lists were not watched.
    pub listed_ms: Option<Quantiles>,
    /// CPU seconds per 1,000 completed workflows, by process tree; the load itself is `load`.
    pub cpu_seconds_per_1000: Vec<(String, f64)>,
}

/// Points of a distribution.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 99 of 100 are at or below.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Quantiles {
    /// From a histogram of microseconds.
    pub(crate) fn of_micros(histogram: &Histogram<u64>) -> Self {
        let ms = |micros: u64| micros as f64 / 1000.0;
        Self {
            p50: ms(histogram.value_at_quantile(0.5)),
            p99: ms(histogram.value_at_quantile(0.99)),
            max: ms(histogram.max()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "workflows          {} of {} completed, {} verified",
            self.completed, self.workflows, self.verified
        )?;
        writeln!(
            f,
            "throughput         {:.1} workflows/s over {:.2} s",
            self.workflows_per_second, self.seconds
        )?;
        let times = [("start", self.start_ms), ("start to result", self.start_to_result_ms)];
        for (name, q) in times.into_iter().chain(self.listed_ms.map(|listed| ("start to list", listed))) {
            writeln!(f, "{name:<18} p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", q.p50, q.p99, q.max)?;
        }
        for (name, seconds) in &self.cpu_seconds_per_1000 {
            writeln!(f, "cpu {name:<14} {seconds:.2} s per 1,000 workflows")?;
        }
        for (what, count) in &self.errors {
            writeln!(f, "error              {count} x {what}")?;
        }
        Ok(())
    }
}
