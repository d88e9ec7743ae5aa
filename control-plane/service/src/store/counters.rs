use async_trait::async_trait;

use super::StoreError;

/// Counters that outlive the process: versions that others compare with what they hold.
///
/// A transaction that raises one has it to itself until it ends, so that values come in the order of commits: who reads
/// a value reads what it stands for, too. Who raises several does so in the order in which they stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Version of the routing table.
    Routes,
    /// Generation of the set of API keys.
    KeySet,
    /// Rises where cells are to be looked at at once: what wakes the reconciler, whichever process has it.
    Wanted,
}

impl Counter {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::KeySet => "key_set",
            Self::Wanted => "wanted",
        }
    }
}

/// Counters, as of one moment.
#[async_trait]
pub(crate) trait ReadCounters: Send {
    async fn counter(&mut self, counter: Counter) -> Result<u64, StoreError>;
}

/// Changes of counters.
#[async_trait]
pub(crate) trait WriteCounters: Send {
    /// Raises the counter by one, and to `at_least` where that is more.
    async fn raise(&mut self, counter: Counter, at_least: u64) -> Result<u64, StoreError>;
}
