//! A field has two names in JSON, its own and the lower camel case one. A body may use either, and not both: one of the
//! two values would be dropped. The same goes for two members of one `oneof`. Other proto3 JSON parsers refuse such a
//! body too.

use std::collections::BTreeMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::field_path::{self, FieldPath};

/// Refuses a message's JSON, shorthands written out, that gives one field twice. The error names both.
pub(super) fn check(message: &MessageDescriptor, object: &Map<String, Value>) -> Result<(), String> {
    visit_object(message, object, &FieldPath::Root)
}

fn visit(message: &MessageDescriptor, value: &Value, path: &FieldPath<'_>) -> Result<(), String> {
    match value {
        Value::Object(object) if !field_path::is_well_known(message) => visit_object(message, object, path),
        _ => Ok(()),
    }
}

fn visit_object(
    message: &MessageDescriptor,
    object: &Map<String, Value>,
    path: &FieldPath<'_>,
) -> Result<(), String> {
    let mut fields = BTreeMap::new();
    let mut members = BTreeMap::new();
    for (key, value) in object {
        let Some(field) = field_path::field(message, key) else { continue };
        let here = FieldPath::Field(path, key);
        if let Some(other) = fields.insert(field.number(), key) {
            return Err(format!("{here}: given twice, also as {other}"));
        }
        let oneof = field.containing_oneof().filter(|_| !value.is_null());
        if let Some(other) = oneof.and_then(|oneof| members.insert(oneof.full_name().to_owned(), key)) {
            return Err(format!("{here}: cannot be given beside {other}"));
        }
        visit_field(&field, value, &here)?;
    }
    Ok(())
}

fn visit_field(field: &FieldDescriptor, value: &Value, path: &FieldPath<'_>) -> Result<(), String> {
    let Kind::Message(message) = field.kind() else { return Ok(()) };
    match value {
        Value::Object(entries) if field.is_map() => {
            let Kind::Message(inner) = message.map_entry_value_field().kind() else { return Ok(()) };
            let mut entries = entries.iter();
            entries.try_for_each(|(key, value)| visit(&inner, value, &FieldPath::Entry(path, key)))
        }
        Value::Array(items) if field.is_list() => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, value)| visit(&message, value, &FieldPath::Item(path, index)))
        }
        value => visit(&message, value, path),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(name: &str, value: Value) -> Result<(), String> {
        let message = atoll_api::descriptor_pool().get_message_by_name(name).unwrap();
        check(&message, value.as_object().unwrap())
    }

    #[test]
    fn one_field_in_both_spellings_is_refused_at_any_depth() {
        const CREATE: &str = "temporal.api.cloud.cloudservice.v1.CreateNamespaceRequest";
        let both = json!({ "spec": { "retention_days": 1, "retentionDays": 2 } });
        let refused = checked(CREATE, both).unwrap_err();
        assert_eq!(refused, "spec.retention_days: given twice, also as retentionDays");
        // Also where one of them says nothing.
        assert!(checked(CREATE, json!({ "spec": { "retention_days": null, "retentionDays": 2 } })).is_err());
        for one in ["retention_days", "retentionDays"] {
            assert_eq!(checked(CREATE, json!({ "spec": { one: 1, "regions": [] } })), Ok(()));
        }

        const UPDATE: &str = "temporal.api.workflowservice.v1.UpdateNamespaceRequest";
        let tree =
            json!({ "replicationConfig": { "clusters": [{}, { "cluster_name": "a", "clusterName": "b" }] } });
        let refused = checked(UPDATE, tree).unwrap_err();
        assert!(refused.starts_with("replicationConfig.clusters[1].cluster"), "{refused}");

        const DESCRIBE: &str = "temporal.api.workflowservice.v1.DescribeWorkerDeploymentResponse";
        assert_eq!(checked(DESCRIBE, json!({ "later": { "a_b": 1, "aB": 2 } })), Ok(()));
    }

    #[test]
    fn two_members_of_a_oneof_are_refused_and_null_is_none() {
        const FAILURE: &str = "temporal.api.failure.v1.Failure";
        let two = json!({ "cause": { "timeoutFailureInfo": {}, "serverFailureInfo": {} } });
        let refused = checked(FAILURE, two).unwrap_err();
        assert!(refused.starts_with("cause."), "{refused}");
        assert!(refused.contains("cannot be given beside"), "{refused}");
        assert_eq!(checked(FAILURE, json!({ "timeoutFailureInfo": {}, "serverFailureInfo": null })), Ok(()));
    }

    #[test]
    fn what_a_tenant_names_itself_has_no_spellings() {
        const START: &str = "temporal.api.workflowservice.v1.StartWorkflowExecutionRequest";
        let keys = json!({ "indexedFields": { "a_b": {}, "aB": {} } });
        assert_eq!(checked(START, json!({ "searchAttributes": keys })), Ok(()));
    }
}
