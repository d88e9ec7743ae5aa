//! Pure metering rules: billable actions and storage deltas of a transition.
