use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Reads the top-level string field `number` out of an encoded message without decoding the rest.
///
/// None where the field is absent, or where the message or the text is malformed. Of several occurrences the last one
/// counts, as in any decoder.
pub fn string_field(mut message: &[u8], number: u32) -> Option<&str> {
    let mut found = None;
    while !message.is_empty() {
        let (field, wire) = decode_key(&mut message).ok()?;
        if wire == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            let (value, rest) = message.split_at_checked(length)?;
            message = rest;
            if field == number {
                found = Some(value);
            }
        } else {
            skip_field(wire, field, &mut message, DecodeContext::default()).ok()?;
        }
    }
    std::str::from_utf8(found?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::api::common::v1::WorkflowExecution;
    use crate::temporal::api::workflowservice::v1::{DescribeWorkflowExecutionRequest, workflow_service};
    use prost::Message;

    #[test]
    fn the_namespace_is_found_where_the_table_says() {
        let execution = WorkflowExecution { workflow_id: "w".to_owned(), run_id: String::new() };
        let request =
            DescribeWorkflowExecutionRequest { namespace: "orders".to_owned(), execution: Some(execution) };
        let number = workflow_service::DESCRIBE_WORKFLOW_EXECUTION.info().namespace_field.unwrap();
        assert_eq!(string_field(&request.encode_to_vec(), number), Some("orders"));
        assert_eq!(string_field(&[], number), None);
    }

    #[test]
    fn the_last_occurrence_counts_and_a_broken_message_has_no_fields() {
        assert_eq!(string_field(b"\x0a\x01a\x10\x05\x0a\x01b", 1), Some("b"));
        assert_eq!(string_field(b"\x0a\x01a\x0a\x05b", 1), None);
        assert_eq!(string_field(b"\x0a\x01\xff", 1), None);
    }
}
