//! The attributes that every namespace has.

use super::SystemField;
use crate::value::AttributeType::{self, Datetime, Int, Keyword, KeywordList};
use atoll_internal_api::entity::LISTED;

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

/// Predefined attributes of workflows. SDKs set the change version, and carry over what an older version set when a
/// workflow continues as new: these must stay writable.
const OF_WORKFLOWS: [PredefinedAttribute; 13] = [
    client("TemporalChangeVersion", KeywordList),
    client("BinaryChecksums", KeywordList),
    client("BuildIds", KeywordList),
    server("TemporalPauseInfo", KeywordList),
    server("TemporalReportedProblems", KeywordList),
    server("TemporalUsedWorkerDeploymentVersions", KeywordList),
    client("BatcherNamespace", Keyword),
    client("BatcherUser", Keyword),
    server("TemporalWorkerDeploymentVersion", Keyword),
    server("TemporalWorkerDeployment", Keyword),
    server("TemporalWorkflowVersioningBehavior", Keyword),
    server("TemporalExternalPayloadCount", Int),
    server("TemporalExternalPayloadSizeBytes", Int),
];

/// The predefined attributes: those of workflows, and what each kind of entity brings that lists show.
pub fn predefined() -> impl Iterator<Item = PredefinedAttribute> {
    let brought = LISTED.iter().flat_map(|kind| kind.attributes).map(|attribute| PredefinedAttribute {
        name: attribute.name,
        value_type: AttributeType::from_number(attribute.value_type as i32).expect("tested: each has a type"),
        client_writable: attribute.client_writable,
    });
    OF_WORKFLOWS.into_iter().chain(brought)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_attribute_that_a_kind_brings_has_a_type_and_no_name_stands_twice() {
        let brought = || LISTED.iter().flat_map(|kind| kind.attributes);
        for attribute in brought() {
            let value_type = AttributeType::from_number(attribute.value_type as i32);
            assert!(value_type.is_some(), "{} is {:?}", attribute.name, attribute.value_type);
        }
        let mut names = BTreeSet::new();
        let every = (SYSTEM.iter().map(|(name, ..)| *name))
            .chain(OF_WORKFLOWS.iter().map(|attribute| attribute.name))
            .chain(brought().map(|attribute| attribute.name))
            .chain(LISTED.iter().map(|kind| kind.id_attribute));
        for name in every {
            assert!(names.insert(name), "{name} stands twice");
        }
    }
}
