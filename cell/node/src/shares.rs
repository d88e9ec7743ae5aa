//! What parts of a cell may hold of its memory.

use crate::config::CellConfig;
use cell_matching::MatchingConfig;

/// Shares of the memory budget that each spool has at most, that waiting tasks have, that the queues have without them,
/// and that the entities may take which a restart brings back with the tails of the logs: several times what the logs
/// hold of them.
const SPOOL_SHARE: usize = 16;
const BACKLOG_SHARE: usize = 16;
const PARTITION_SHARE: usize = 16;
const TAIL_SHARE: usize = 16;
/// Tails of logs below this cost more in checkpoints than they save.
const LEAST_TAIL: usize = 1 << 20;

/// Bytes that parts of a cell may hold: what is configured, and no more than their share of the memory budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shares {
    /// Tasks that wait in all partitions.
    pub(crate) backlog_bytes: usize,
    /// All partitions, without what waits in them.
    pub(crate) partition_bytes: usize,
    /// List entries that are not told yet.
    pub(crate) visibility_spool_bytes: usize,
    /// Usage entries that are not exported yet.
    pub(crate) usage_spool_bytes: usize,
    /// Logs that no checkpoint has passed.
    pub(crate) node_tail_bytes: usize,
}

impl Shares {
    /// Those of a cell.
    pub(crate) fn of(config: &CellConfig) -> Self {
        let (budget, projections) = (config.memory_budget, &config.projections);
        Self {
            backlog_bytes: MatchingConfig::default().backlog_bytes.min(budget / BACKLOG_SHARE),
            partition_bytes: MatchingConfig::default().partition_bytes.min(budget / PARTITION_SHARE),
            visibility_spool_bytes: projections.visibility_spool_bytes.min(budget / SPOOL_SHARE),
            usage_spool_bytes: projections.usage_spool_bytes.min(budget / SPOOL_SHARE),
            node_tail_bytes: config.shards.node_tail_bytes.min((budget / TAIL_SHARE).max(LEAST_TAIL)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::ProjectionConfig;
    use crate::test_support::lone_cell;
    use cell_shard::ShardConfig;

    const MIB: usize = 1 << 20;

    /// Shares of a cell with this budget, of which everything is configured differently.
    fn shares(memory_budget: usize) -> [usize; 5] {
        let Shares {
            backlog_bytes,
            partition_bytes,
            visibility_spool_bytes,
            usage_spool_bytes,
            node_tail_bytes,
        } = Shares::of(&CellConfig {
            projections: ProjectionConfig {
                visibility_spool_bytes: 32 * MIB,
                usage_spool_bytes: 16 * MIB,
                ..ProjectionConfig::default()
            },
            memory_budget,
            shards: ShardConfig { node_tail_bytes: 8 * MIB, ..ShardConfig::default() },
            ..lone_cell()
        });
        [backlog_bytes, partition_bytes, visibility_spool_bytes, usage_spool_bytes, node_tail_bytes]
    }

    #[test]
    fn parts_have_a_sixteenth_of_the_budget_and_no_more_than_is_configured() {
        assert_eq!(shares(2_048 * MIB), [64, 128, 32, 16, 8].map(|mib| mib * MIB), "as configured");
        assert_eq!(shares(320 * MIB), [20, 20, 20, 16, 8].map(|mib| mib * MIB));
        assert_eq!(shares(64 * MIB), [4 * MIB; 5]);
        // The log has a mebibyte, however little there is.
        assert_eq!(shares(8 * MIB), [MIB / 2, MIB / 2, MIB / 2, MIB / 2, MIB]);
    }
}
