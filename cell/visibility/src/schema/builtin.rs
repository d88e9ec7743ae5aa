//! The attributes that every namespace has.

use super::SystemField;
use crate::value::AttributeType::{self, Bool, Datetime, Int, Keyword, KeywordList};

/// System attributes: set by the server from what the execution is, never by clients.
pub const SYSTEM: [(&str, SystemField, AttributeType); 17] = [
    ("WorkflowId", SystemField::WorkflowId, Keyword),
    ("RunId", SystemField::RunId, Keyword),
    ("WorkflowType", SystemField::WorkflowType, Keyword),
    ("ExecutionStatus", SystemField::ExecutionStatus, Keyword),
    ("TaskQueue", SystemField::TaskQueue, Keyword),
    ("ParentWorkflowId", SystemField::ParentWorkflowId, Keyword),
    ("ParentRunId", SystemField::ParentRunId, Keyword),
    ("RootWorkflowId", SystemField::RootWorkflowId, Keyword),
    ("RootRunId", SystemField::RootRunId, Keyword),
    ("StartTime", SystemField::StartTime, Datetime),
    ("ExecutionTime", SystemField::ExecutionTime, Datetime),
    ("CloseTime", SystemField::CloseTime, Datetime),
    ("HistoryLength", SystemField::HistoryLength, Int),
    ("ExecutionDuration", SystemField::ExecutionDuration, Int),
    ("StateTransitionCount", SystemField::StateTransitionCount, Int),
    ("HistorySizeBytes", SystemField::HistorySizeBytes, Int),
    ("TemporalNamespaceDivision", SystemField::NamespaceDivision, Keyword),
];

/// A search attribute that every namespace has without registering it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredefinedAttribute {
    /// Its name, also the stored one.
    pub name: &'static str,
    /// Its type.
    pub value_type: AttributeType,
    /// Whether clients may set it. The others are the server's, so that nobody forges them.
    pub client_writable: bool,
}

const fn client(name: &'static str, value_type: AttributeType) -> PredefinedAttribute {
    PredefinedAttribute { name, value_type, client_writable: true }
}

const fn server(name: &'static str, value_type: AttributeType) -> PredefinedAttribute {
    PredefinedAttribute { name, value_type, client_writable: false }
}

/// Predefined attributes. SDKs set the change version, and carry over what a schedule or an older version set when
/// a workflow continues as new: these must stay writable.
pub const PREDEFINED: [PredefinedAttribute; 16] = [
    client("TemporalChangeVersion", KeywordList),
    client("BinaryChecksums", KeywordList),
    client("BuildIds", KeywordList),
    server("TemporalPauseInfo", KeywordList),
    server("TemporalReportedProblems", KeywordList),
    server("TemporalUsedWorkerDeploymentVersions", KeywordList),
    client("BatcherNamespace", Keyword),
    client("BatcherUser", Keyword),
    client("TemporalScheduledById", Keyword),
    server("TemporalWorkerDeploymentVersion", Keyword),
    server("TemporalWorkerDeployment", Keyword),
    server("TemporalWorkflowVersioningBehavior", Keyword),
    client("TemporalScheduledStartTime", Datetime),
    client("TemporalSchedulePaused", Bool),
    server("TemporalExternalPayloadCount", Int),
    server("TemporalExternalPayloadSizeBytes", Int),
];
