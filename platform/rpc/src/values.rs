//! How many values an encoded message has, without decoding it: an empty message in a list is two bytes that are sent,
//! and a hundred that are held.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// Messages within each other that are looked into: deeper ones are decoded by nobody.
const DEPTH: usize = 100;

/// Fields that a message has, with those of the messages in it and the elements of its lists; none where there are more
/// than `most`. Of bytes that are no such message, those before what is wrong: who decodes it finds that.
pub(crate) fn count(message: &MessageDescriptor, encoded: &[u8], most: usize) -> Option<usize> {
    let mut left = most;
    walk(message, encoded, &mut left, DEPTH)?;
    Some(most - left)
}

fn walk(message: &MessageDescriptor, mut rest: &[u8], left: &mut usize, depth: usize) -> Option<()> {
    while rest.has_remaining() {
        let Ok((number, wire)) = decode_key(&mut rest) else { return Some(()) };
        let field = message.get_field(number);
        if wire != WireType::LengthDelimited {
            *left = left.checked_sub(1)?;
            if skip_field(wire, number, &mut rest, DecodeContext::default()).is_err() {
                return Some(());
            }
            continue;
        }
        let Ok(length) = decode_varint(&mut rest) else { return Some(()) };
        let Some((value, behind)) =
            usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
        else {
            return Some(());
        };
        rest = behind;
        *left = left.checked_sub(field.as_ref().map_or(1, |field| elements(field, value)))?;
        if let Some(Kind::Message(inner)) = field.map(|field| field.kind())
            && depth > 0
        {
            walk(&inner, value, left, depth - 1)?;
        }
    }
    Some(())
}

/// How many values one occurrence of a field brings: a packed list has many.
fn elements(field: &FieldDescriptor, value: &[u8]) -> usize {
    match field.kind() {
        Kind::Message(_) | Kind::String | Kind::Bytes => 1,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => value.len() / 8,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => value.len() / 4,
        // The last byte of each has its highest bit clear.
        _ => value.iter().filter(|byte| **byte < 0x80).count(),
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::temporal::api::common::v1::{Payload, Payloads};
    use atoll_api::temporal::api::failure::v1::Failure;
    use atoll_api::temporal::api::sdk::v1::WorkflowTaskCompletedMetadata;
    use atoll_api::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;
    use prost::Message;

    use super::*;

    fn counted(name: &str, message: &impl Message, most: usize) -> Option<usize> {
        let message_type = atoll_api::descriptor_pool().get_message_by_name(name).expect("it is published");
        count(&message_type, &message.encode_to_vec(), most)
    }

    #[test]
    fn everything_counts_wherever_it_is() {
        const START: &str = "temporal.api.workflowservice.v1.StartWorkflowExecutionRequest";
        let start = |payloads| StartWorkflowExecutionRequest {
            workflow_id: "w".to_owned(),
            input: Some(Payloads { payloads }),
            ..Default::default()
        };
        assert_eq!(counted(START, &start(vec![Payload::default(); 1_000]), 1_002), Some(1_002));
        assert_eq!(counted(START, &start(vec![Payload::default(); 1_000]), 1_001), None);
        let says = Payload { metadata: [("a".to_owned(), "b".into())].into(), ..Default::default() };
        assert_eq!(counted(START, &start(vec![says]), 100), Some(2 + 1 + 3));
        let deep = (0..90).fold(Failure::default(), |cause, _| Failure {
            cause: Some(Box::new(cause)),
            ..Default::default()
        });
        assert_eq!(counted("temporal.api.failure.v1.Failure", &deep, 1_000), Some(90));
        let packed =
            WorkflowTaskCompletedMetadata { lang_used_flags: vec![1, 300, 70_000], ..Default::default() };
        let name = "temporal.api.sdk.v1.WorkflowTaskCompletedMetadata";
        assert_eq!(counted(name, &packed, 100), Some(3));
    }

    #[test]
    fn bytes_that_are_no_message_end_the_count() {
        let name = "temporal.api.common.v1.Payloads";
        let payloads = atoll_api::descriptor_pool().get_message_by_name(name).expect("it is published");
        for (bytes, expected) in [(&[0x0a, 0, 0x0a, 9][..], 1), (&[0xff; 20], 0), (&[0x0a, 0, 0x0b], 2)] {
            assert_eq!(count(&payloads, bytes, 100), Some(expected), "{bytes:?}");
        }
    }
}
