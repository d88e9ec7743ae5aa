use std::time::Duration;

/// Work that one process at a time does, of those that share a database. Each is harmless where two do it: a lease
/// saves work, and nothing is right only because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Starting the workflows of operations.
    Outbox,
    /// Bringing cells to what they should hold.
    Reconciler,
}

impl Task {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Reconciler => "reconciler",
        }
    }
}

/// How long a task stays with a process that says nothing any more. It is also how late a killed one's work is done.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// Between two looks at what other processes may have written. What wakes a loop of this process at once is a hint.
pub(crate) const POLL: Duration = Duration::from_millis(200);
