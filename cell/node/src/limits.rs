//! A run's limits: the engine's defaults, changed by what was configured.

use cell_engine::Limits;
use cell_frontend::DynamicConfig;

/// Part of the memory budget that one run may take where nothing else was configured.
const RUN_SHARE: usize = 8;

/// The limits that the engine holds runs to in a cell with so many bytes of memory: no run may take what all have.
pub(crate) fn of(config: &DynamicConfig, memory_budget: usize) -> Limits {
    let (set, default) = (&config.run_limits, Limits::default());
    let count = |set: Option<usize>, default: i64| {
        set.map_or(default, |count| i64::try_from(count).unwrap_or(i64::MAX))
    };
    Limits {
        pending_activities: set.pending_activities.unwrap_or(default.pending_activities),
        pending_children: set.pending_children.unwrap_or(default.pending_children),
        pending_signals: set.pending_signals.unwrap_or(default.pending_signals),
        pending_cancels: set.pending_cancels.unwrap_or(default.pending_cancels),
        signals: count(set.signals, default.signals),
        buffered_events: set.buffered_events.unwrap_or(default.buffered_events),
        buffered_bytes: set.buffered_bytes.unwrap_or(default.buffered_bytes),
        id_length: config.id_length,
        suggest_continue_events: count(set.suggest_continue_events, default.suggest_continue_events),
        suggest_continue_bytes: set
            .suggest_continue_bytes
            .map_or(default.suggest_continue_bytes, |bytes| bytes as u64),
        history_events: count(set.history_events, default.history_events),
        history_bytes: set.history_bytes.map_or(default.history_bytes, |bytes| bytes as u64),
        state_bytes: set.state_bytes.unwrap_or(default.state_bytes),
        memory_bytes: set.memory_bytes.unwrap_or(default.memory_bytes.min(memory_budget / RUN_SHARE)),
        blob: config.blob_bytes,
        memo: config.memo_bytes,
        search_attributes: config.search_attributes_bytes,
        ..default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: usize = 1 << 30;

    #[test]
    fn one_run_takes_a_part_of_a_small_budget_unless_it_may_have_more() {
        let (default, small) = (Limits::default().memory_bytes, 16 << 20);
        assert_eq!(of(&DynamicConfig::default(), RUN_SHARE * default).memory_bytes, default);
        assert_eq!(of(&DynamicConfig::default(), small).memory_bytes, 2 << 20);
        let more = DynamicConfig::parse(["limit.runMemorySize.error=3000000"]).expect("it is known").config;
        assert_eq!(of(&more, small).memory_bytes, 3_000_000);
    }

    #[test]
    fn what_is_set_changes_and_the_rest_stays() {
        let settings = ["limit.historyCount.suggestContinueAsNew=50", "limit.maxIDLength=20"];
        let config = DynamicConfig::parse(settings).expect("they are known");
        assert!(config.warnings.is_empty());
        let expected = Limits { suggest_continue_events: 50, id_length: 20, ..Limits::default() };
        assert_eq!(of(&config.config, AMPLE), expected);
        assert_eq!(of(&DynamicConfig::default(), AMPLE), Limits::default());
    }

    /// The frontend refuses unread what the engine has no room for, and nothing else.
    #[test]
    fn an_answer_may_have_as_many_commands_as_a_history_has_events() {
        for settings in [vec![], vec!["limit.historyCount.error=110"]] {
            let config = DynamicConfig::parse(settings).expect("they are known").config;
            assert_eq!(config.run_limits.most_commands() as i64, of(&config, AMPLE).history_events);
        }
    }

    #[test]
    fn each_key_changes_its_own_limit() {
        let settings = [
            "limit.numPendingActivities.error=101",
            "limit.numPendingChildExecutions.error=102",
            "limit.numPendingSignals.error=103",
            "limit.numPendingCancelRequests.error=104",
            "history.maximumSignalsPerExecution=105",
            "history.maximumBufferedEventsBatch=106",
            "history.maximumBufferedEventsSizeInBytes=107",
            "limit.historyCount.suggestContinueAsNew=108",
            "limit.historySize.suggestContinueAsNew=109",
            "limit.historyCount.error=110",
            "limit.historySize.error=111",
            "limit.mutableStateSize.error=112",
            "limit.runMemorySize.error=115",
            "limit.maxIDLength=113",
            "limit.blobSize.error=114",
        ];
        let config = DynamicConfig::parse(settings).expect("they are known");
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let expected = Limits {
            pending_activities: 101,
            pending_children: 102,
            pending_signals: 103,
            pending_cancels: 104,
            signals: 105,
            buffered_events: 106,
            buffered_bytes: 107,
            suggest_continue_events: 108,
            suggest_continue_bytes: 109,
            history_events: 110,
            history_bytes: 111,
            state_bytes: 112,
            memory_bytes: 115,
            id_length: 113,
            blob: 114,
            ..Limits::default()
        };
        assert_eq!(of(&config.config, AMPLE), expected);
    }
}
