//! Limits of one workflow run, which the engine holds runs to.

use super::DynamicConfigError;
use super::value::count;
use serde_json::Value;

/// What was set of a run's limits; the engine's default holds for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunLimits {
    /// `limit.numPendingActivities.error`: activities pending at a time.
    pub pending_activities: Option<usize>,
    /// `limit.numPendingChildExecutions.error`: children pending at a time.
    pub pending_children: Option<usize>,
    /// `limit.numPendingSignals.error`: signals to other workflows pending at a time.
    pub pending_signals: Option<usize>,
    /// `limit.numPendingCancelRequests.error`: cancel requests to other workflows pending at a time.
    pub pending_cancels: Option<usize>,
    /// `history.maximumSignalsPerExecution`.
    pub signals: Option<usize>,
    /// `history.maximumBufferedEventsBatch`: events that wait for a workflow task to end.
    pub buffered_events: Option<usize>,
    /// `history.maximumBufferedEventsSizeInBytes`.
    pub buffered_bytes: Option<usize>,
    /// `limit.historyCount.suggestContinueAsNew`: events at which a worker is told to continue as new.
    pub suggest_continue_events: Option<usize>,
    /// `limit.historySize.suggestContinueAsNew`: bytes at which a worker is told to continue as new.
    pub suggest_continue_bytes: Option<usize>,
    /// `limit.historyCount.error`: events above which a run is terminated.
    pub history_events: Option<usize>,
    /// `limit.historySize.error`: bytes above which a run is terminated.
    pub history_bytes: Option<usize>,
    /// `limit.mutableStateSize.error`: bytes of mutable state above which a run is terminated.
    pub state_bytes: Option<usize>,
    /// `limit.runMemorySize.error`: bytes of memory above which a run is terminated; 64 MiB or an eighth of the memory
    /// budget, whichever is less, where it is not set. The original has no such key.
    pub memory_bytes: Option<usize>,
}

/// `limit.historyCount.error` where it is not set: the engine's default, to which the node's tests hold it.
const HISTORY_EVENTS: usize = 51_200;

impl RunLimits {
    /// Commands that an answer to a workflow task may have: each leaves an event at least, so more of them are more
    /// than any history has room for.
    pub fn most_commands(&self) -> usize {
        self.history_events.unwrap_or(HISTORY_EVENTS)
    }

    /// Sets the limit that `name` (lower case) stands for; false if there is none.
    pub(super) fn set(&mut self, key: &str, name: &str, value: &Value) -> Result<bool, DynamicConfigError> {
        let limit = match name {
            "limit.numpendingactivities.error" => &mut self.pending_activities,
            "limit.numpendingchildexecutions.error" => &mut self.pending_children,
            "limit.numpendingsignals.error" => &mut self.pending_signals,
            "limit.numpendingcancelrequests.error" => &mut self.pending_cancels,
            "history.maximumsignalsperexecution" => &mut self.signals,
            "history.maximumbufferedeventsbatch" => &mut self.buffered_events,
            "history.maximumbufferedeventssizeinbytes" => &mut self.buffered_bytes,
            "limit.historycount.suggestcontinueasnew" => &mut self.suggest_continue_events,
            "limit.historysize.suggestcontinueasnew" => &mut self.suggest_continue_bytes,
            "limit.historycount.error" => &mut self.history_events,
            "limit.historysize.error" => &mut self.history_bytes,
            "limit.mutablestatesize.error" => &mut self.state_bytes,
            "limit.runmemorysize.error" => &mut self.memory_bytes,
            _ => return Ok(false),
        };
        *limit = Some(count(key, value)?);
        Ok(true)
    }
}
