//! The status of an execution as records and filters know it.

/// The status of an execution; the numbers are those of the published `WorkflowExecutionStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionStatus {
    /// Open.
    Running = 1,
    /// Closed with a result.
    Completed = 2,
    /// Closed with a failure.
    Failed = 3,
    /// Closed as canceled.
    Canceled = 4,
    /// Closed by a termination.
    Terminated = 5,
    /// Closed in favour of a new run.
    ContinuedAsNew = 6,
    /// Closed by a timeout.
    TimedOut = 7,
    /// Open, and held.
    Paused = 8,
}

impl ExecutionStatus {
    /// All statuses, by number.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::ContinuedAsNew,
        Self::TimedOut,
        Self::Paused,
    ];

    /// The name in filters, for example `TimedOut`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::ContinuedAsNew => "ContinuedAsNew",
            Self::TimedOut => "TimedOut",
            Self::Paused => "Paused",
        }
    }

    /// The number in the published `WorkflowExecutionStatus`.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The status of that number; none for zero and unknown ones.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }

    /// The status of a name in a filter: `TimedOut`, or `WORKFLOW_EXECUTION_STATUS_TIMED_OUT`.
    pub fn from_name(name: &str) -> Option<Self> {
        let long = name.strip_prefix("WORKFLOW_EXECUTION_STATUS_");
        Self::ALL.into_iter().find(|status| match long {
            Some(long) => long.split('_').collect::<String>().eq_ignore_ascii_case(status.name()),
            None => name == status.name(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_both_ways() {
        for (number, status) in (1..).zip(ExecutionStatus::ALL) {
            assert_eq!(ExecutionStatus::from_number(number), Some(status));
            assert_eq!(ExecutionStatus::from_name(status.name()), Some(status));
        }
        let long = ExecutionStatus::from_name("WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW");
        assert_eq!(long, Some(ExecutionStatus::ContinuedAsNew));
        for unknown in ["", "running", "WORKFLOW_EXECUTION_STATUS_", "Unspecified"] {
            assert_eq!(ExecutionStatus::from_name(unknown), None, "{unknown}");
        }
        assert_eq!(ExecutionStatus::from_number(0), None);
    }
}
