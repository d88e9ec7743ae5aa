//! Usage, as metering serves it.

mod grpc;

use async_trait::async_trait;

pub(crate) use grpc::GrpcUsageSource;

/// Where usage comes from.
#[async_trait]
pub(crate) trait UsageSource: Send + Sync + 'static {
    /// An account's usage by hour and namespace, for hours that start in `[start_ms, end_ms)`, in the order of time.
    async fn hourly(
        &self,
        account_id: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<HourlyUsage>, UsageUnavailable>;
}

/// Usage of one kind in one hour of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HourlyUsage {
    /// Start of the hour, in milliseconds since 1970.
    pub hour_ms: i64,
    /// Cloud id of the namespace.
    pub namespace: String,
    /// What was used.
    pub kind: UsageKind,
    /// Actions, or byte-milliseconds.
    pub quantity: u128,
    /// Whether more may come.
    pub incomplete: bool,
}

/// Kinds of usage that the Cloud API publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum UsageKind {
    /// Billable actions.
    Actions,
    /// Storage of open workflows.
    ActiveStorage,
    /// Storage of closed workflows.
    RetainedStorage,
}

/// Metering does not answer, or not understandably.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("usage is not available: {0}")]
pub(crate) struct UsageUnavailable(pub String);
