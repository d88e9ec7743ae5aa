//! How many values an encoded message has, and what it takes once it is decoded, without decoding it: an empty message
//! in a list is two bytes that are sent, and a hundred that are held.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use std::collections::BTreeMap;

/// Messages within each other that are looked into: deeper ones are decoded by nobody.
const DEPTH: usize = 100;

/// Fields that a message has, with those of the messages in it and the elements of its lists; none where there are more
/// than `most`. Of bytes that are no such message, those before what is wrong: who decodes it finds that.
pub(crate) fn count(message: &MessageDescriptor, encoded: &[u8], most: usize) -> Option<usize> {
    let mut left = most;
    walk(message, encoded, DEPTH, &mut |field, value| {
        let values = field.zip(value).map_or(1, |(field, value)| elements(field, value));
        left = left.checked_sub(values)?;
        Some(())
    })?;
    Some(most - left)
}

/// Shows every field of a message and of those in it, as far as its type knows it, with its bytes where it has a
/// length; ends where `seen` does, or at what is wrong.
fn walk<Seen>(message: &MessageDescriptor, mut rest: &[u8], depth: usize, seen: &mut Seen) -> Option<()>
where
    Seen: FnMut(Option<&FieldDescriptor>, Option<&[u8]>) -> Option<()>,
{
    while rest.has_remaining() {
        let Ok((number, wire)) = decode_key(&mut rest) else { return Some(()) };
        let field = message.get_field(number);
        if wire != WireType::LengthDelimited {
            seen(field.as_ref(), None)?;
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
        seen(field.as_ref(), Some(value))?;
        if let Some(Kind::Message(inner)) = field.map(|field| field.kind())
            && depth > 0
        {
            walk(&inner, value, depth - 1, seen)?;
        }
    }
    Some(())
}

/// Bytes of a map with one entry: its node has room for eleven.
const MAP_NODE: usize = 700;
/// Bytes of a number.
const SCALAR: usize = 8;
/// Bytes of a text or of bytes beside what is in them.
const HANDLE: usize = 32;
/// Bytes of a list or a map that is empty.
const EMPTY_LIST: usize = 24;
/// Messages within each other that are looked into for how wide a message is: deeper ones are boxed.
const WIDTH_DEPTH: usize = 6;
/// What is wider is boxed in parts: few elements are.
const WIDEST: usize = 800;

/// An encoded message in parts of about so many bytes, each of whole fields: what they weigh together the message
/// weighs.
pub(crate) fn parts(mut encoded: &[u8], bytes: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut rest = encoded;
        while rest.has_remaining() && encoded.len() - rest.len() < bytes {
            let skipped = decode_key(&mut rest)
                .and_then(|(number, wire)| skip_field(wire, number, &mut rest, DecodeContext::default()));
            if skipped.is_err() {
                // Who weighs it finds what is wrong.
                rest = &[];
            }
        }
        let (part, behind) = encoded.split_at(encoded.len() - rest.len());
        encoded = behind;
        (!part.is_empty()).then_some(part)
    })
}

/// Bytes that a message takes once it is decoded, by and large, beside its encoding.
pub(crate) fn weight(message: &MessageDescriptor, encoded: &[u8]) -> usize {
    let (mut bytes, mut widths) = (0, BTreeMap::new());
    walk(message, encoded, DEPTH, &mut |field, value| {
        bytes += match (field, value) {
            (Some(field), Some(value)) => place(field, value, &mut widths),
            (Some(_), None) => SCALAR,
            (None, _) => 0,
        };
        Some(())
    });
    bytes
}

/// Bytes of the place that one occurrence of a field takes. `widths` are those of the messages met so far, by name.
fn place(field: &FieldDescriptor, value: &[u8], widths: &mut BTreeMap<String, usize>) -> usize {
    match field.kind() {
        _ if field.is_map() => MAP_NODE,
        Kind::Message(inner) if field.is_list() => match widths.get(inner.full_name()) {
            Some(width) => *width,
            None => {
                let width = width(&inner, WIDTH_DEPTH).min(WIDEST);
                widths.insert(inner.full_name().to_owned(), width);
                width
            }
        },
        // It stands in the place of what it is in.
        Kind::Message(_) => 0,
        Kind::String | Kind::Bytes => HANDLE,
        _ => SCALAR * elements(field, value),
    }
}

/// Bytes of an element of a list, with what is not boxed in it; of a choice the widest.
fn width(message: &MessageDescriptor, depth: usize) -> usize {
    let of = |field: FieldDescriptor| match field.kind() {
        _ if field.is_list() || field.is_map() => EMPTY_LIST,
        Kind::Message(inner) if depth > 0 => SCALAR + width(&inner, depth - 1),
        Kind::String | Kind::Bytes => HANDLE,
        _ => SCALAR,
    };
    let plain: usize = message.fields().filter(|field| field.containing_oneof().is_none()).map(of).sum();
    let choices = message.oneofs().map(|choice| SCALAR + choice.fields().map(of).max().unwrap_or_default());
    plain + choices.sum::<usize>()
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

    /// Sizes of what is generated, on a machine of 64 bits.
    #[test]
    fn what_a_few_bytes_become_is_weighed() {
        const SIGNAL: &str = "temporal.api.workflowservice.v1.SignalWorkflowExecutionRequest";
        const MULTIPLE: &str = "temporal.api.workflowservice.v1.ExecuteMultiOperationRequest";
        let of = |name: &str, encoded: &[u8]| {
            let message = atoll_api::descriptor_pool().get_message_by_name(name).expect("it is published");
            weight(&message, encoded)
        };
        // The input's payloads, each with one entry of metadata, which is empty.
        let payloads = [0x0a, 0x02, 0x0a, 0x00].repeat(100);
        let mut signal = vec![0x22];
        prost::encoding::encode_varint(payloads.len() as u64, &mut signal);
        signal.extend(payloads);
        let weighed = of(SIGNAL, &signal);
        assert!((60_000..120_000).contains(&weighed), "{weighed} bytes of 100 payloads");
        let weighed = of(MULTIPLE, &[0x12, 0x00].repeat(100));
        assert!(weighed > 50_000, "{weighed} bytes of 100 operations");
    }

    #[test]
    fn parts_are_of_whole_fields_and_weigh_what_the_message_weighs() {
        let payload = Payload { data: vec![1; 30].into(), ..Default::default() };
        let payloads = Payloads { payloads: vec![payload; 100] };
        let message = payloads.encode_to_vec();
        let descriptor = atoll_api::descriptor_pool().get_message_by_name("temporal.api.common.v1.Payloads");
        let descriptor = descriptor.expect("it is published");
        let cut: Vec<&[u8]> = parts(&message, 1_000).collect();
        assert_eq!(cut.iter().map(|part| part.len()).collect::<Vec<_>>(), [1_020, 1_020, 1_020, 340]);
        assert_eq!(cut.concat(), message);
        let weighed: usize = cut.iter().map(|part| weight(&descriptor, part)).sum();
        assert_eq!(weighed, weight(&descriptor, &message));
        // What is wrong is in the last part, with what is behind it.
        let wrong = [&message[..], &[0x0a, 0xff, 0x01, 0x00]].concat();
        assert_eq!(parts(&wrong, 1_000).collect::<Vec<_>>().concat(), wrong);
        assert_eq!(parts(&[], 1_000).count(), 0);
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
