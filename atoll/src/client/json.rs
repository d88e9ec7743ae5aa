//! Messages as canonical JSON, by their descriptors.

use anyhow::Context;
use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use serde_json::Value;

/// A message as canonical proto3 JSON.
pub(crate) fn of<M: Message + Name>(message: &M) -> anyhow::Result<Value> {
    let name = M::full_name();
    let descriptor = atoll_internal_api::descriptor_pool()
        .get_message_by_name(&name)
        .with_context(|| format!("no descriptor of {name}"))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_value(&dynamic)?)
}

/// Several messages as a JSON array.
pub(crate) fn array<M: Message + Name>(messages: &[M]) -> anyhow::Result<Value> {
    messages.iter().map(of).collect::<anyhow::Result<Vec<_>>>().map(Value::Array)
}

#[cfg(test)]
mod tests {
    use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;

    use super::*;

    #[test]
    fn published_and_own_messages_have_the_json_of_their_contract() {
        let spec = NamespaceSpec { name: "orders".to_owned(), retention_days: 7, ..Default::default() };
        assert_eq!(of(&spec).unwrap(), serde_json::json!({"name": "orders", "retentionDays": 7}));
        let account =
            atoll_internal_api::operator::v1::Account { id: "x1y2z".to_owned(), ..Default::default() };
        assert_eq!(array(&[account]).unwrap(), serde_json::json!([{"id": "x1y2z"}]));
    }
}
