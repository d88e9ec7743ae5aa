//! How long steps are tried.

use std::time::Duration;

use temporalio_common::RetryPolicy;
use temporalio_sdk::{ActivityCloseTimeouts, ActivityOptions};

/// One attempt of a step: a database transaction, or one call to a cell. It is also how long a step waits whose worker
/// was killed in its middle.
const ATTEMPT: Duration = Duration::from_secs(5);
/// One attempt of a step of billing: rating a large account takes its time.
const BILLING_ATTEMPT: Duration = Duration::from_secs(60);
/// First pause between attempts; pauses double.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Placing waits this long for a cell with room: long enough for cells that just restart, short enough for a caller who
/// waits for the answer that there is none.
const PLACE_FOR: Duration = Duration::from_secs(30);
/// A placed namespace's cell may be away this long before the operation is undone.
const REACH_CELL_FOR: Duration = Duration::from_secs(10 * 60);
/// Deleting and undoing are not given up: what is left behind would be billed, or would block a name.
const INSIST_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Billing waits this long for metering or its own database.
const BILLING_FOR: Duration = Duration::from_secs(15 * 60);

/// For steps that only touch the control plane's database.
pub(crate) fn database() -> ActivityOptions {
    options(ATTEMPT, INSIST_FOR)
}

/// For choosing a cell.
pub(crate) fn placement() -> ActivityOptions {
    options(ATTEMPT, PLACE_FOR)
}

/// For calls to a cell that may be given up.
pub(crate) fn cell() -> ActivityOptions {
    options(ATTEMPT, REACH_CELL_FOR)
}

/// For calls to a cell that must succeed in the end.
pub(crate) fn cell_until_done() -> ActivityOptions {
    options(ATTEMPT, INSIST_FOR)
}

/// For the steps of a billing month.
pub(crate) fn billing() -> ActivityOptions {
    options(BILLING_ATTEMPT, BILLING_FOR)
}

fn options(attempt: Duration, in_all: Duration) -> ActivityOptions {
    ActivityOptions::with_close_timeouts(ActivityCloseTimeouts::ScheduleAndStartToClose {
        start_to_close: attempt,
        schedule_to_close: in_all,
    })
    .retry_policy(
        RetryPolicy::builder()
            .initial_interval(FIRST_PAUSE)
            .backoff_coefficient(2.0)
            .maximum_interval(LONGEST_PAUSE)
            .build(),
    )
    .build()
}
