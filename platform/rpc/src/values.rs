//! How many values an encoded message has, and what it takes once it is decoded, without decoding it: an empty message
//! in a list is two bytes that are sent, and a hundred that are held.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use std::collections::{BTreeMap, BTreeSet};

/// Messages within each other that are looked into: deeper ones are decoded by nobody.
const DEPTH: usize = 100;

/// Fields whose places are added up in one go: a quarter of a millisecond.
const WEIGHED_AT_ONCE: usize = 8_192;

/// Fields that a message has, with those of the messages in it and the elements of its lists; none where there are more
/// than `most`. Of bytes that are no such message, those before what is wrong: who decodes it finds that.
pub(crate) fn count(message: &MessageDescriptor, encoded: &[u8], most: usize) -> Option<usize> {
    let mut left = most;
    for Occurrence { field, value, .. } in Fields::of(message, encoded) {
        left = left.checked_sub(field.zip(value).map_or(1, |(field, value)| elements(&field, value)))?;
    }
    Some(most - left)
}

/// Every field of a message and of those in it, as far as its type knows it. What is wrong ends the message that it is
/// in.
struct Fields<'a> {
    /// The message with that in which the next field is, and so on.
    within: Vec<Within<'a>>,
}

/// A message that is looked through.
struct Within<'a> {
    message: MessageDescriptor,
    /// What is left of it.
    rest: &'a [u8],
    /// Fields that came and may come once.
    seen: Seen,
}

/// One field where it stands.
struct Occurrence<'a> {
    /// None where the type does not know it.
    field: Option<FieldDescriptor>,
    /// Its bytes where it has a length.
    value: Option<&'a [u8]>,
    /// It may come once, and has come before: this one takes its place, or joins it.
    again: bool,
}

/// Numbers of fields.
#[derive(Default)]
struct Seen {
    /// Those below 128, of which nearly all are.
    low: u128,
    high: Vec<u32>,
}

impl Seen {
    /// Whether it was there already.
    fn again(&mut self, number: u32) -> bool {
        if let Some(bit) = 1_u128.checked_shl(number) {
            let before = self.low;
            self.low |= bit;
            return before & bit != 0;
        }
        let again = self.high.contains(&number);
        if !again {
            self.high.push(number);
        }
        again
    }
}

impl<'a> Fields<'a> {
    fn of(message: &MessageDescriptor, encoded: &'a [u8]) -> Self {
        Self { within: vec![Within::new(message.clone(), encoded)] }
    }
}

impl<'a> Within<'a> {
    fn new(message: MessageDescriptor, rest: &'a [u8]) -> Self {
        Self { message, rest, seen: Seen::default() }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Occurrence<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let depth = self.within.len();
            let Within { message, rest, seen } = self.within.last_mut()?;
            let Some((number, value)) = next_field(rest) else {
                self.within.pop();
                continue;
            };
            let field = message.get_field(number);
            let single = field.as_ref().is_some_and(|field| !field.is_list() && !field.is_map());
            let again = single && seen.again(number);
            if let (Some(Kind::Message(inner)), Some(value)) =
                (field.as_ref().map(FieldDescriptor::kind), value)
                && depth <= DEPTH
            {
                self.within.push(Within::new(inner, value));
            }
            return Some(Occurrence { field, value, again });
        }
    }
}

/// Takes the number of the next field off an encoded message, and its bytes where it has a length; none at the end and
/// at what is wrong.
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Option<&'a [u8]>)> {
    if !rest.has_remaining() {
        return None;
    }
    let (number, wire) = decode_key(rest).ok()?;
    if wire != WireType::LengthDelimited {
        skip_field(wire, number, rest, DecodeContext::default()).ok()?;
        return Some((number, None));
    }
    let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
    let (value, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some((number, Some(value)))
}

/// How often a field stands in a message itself: to be added up, a few fields at a time.
pub(crate) fn times(mut encoded: &[u8], number: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let mut some = std::iter::from_fn(|| next_field(&mut encoded)).take(WEIGHED_AT_ONCE).peekable();
        some.peek()?;
        Some(some.filter(|(found, _)| *found == number).count())
    })
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

/// What some fields of a message come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes that they take once they are decoded, by and large, beside the encoding, to which bytes go on to refer.
    pub(crate) bytes: usize,
    /// How many of them may come once and had come before.
    pub(crate) again: usize,
}

/// What a message comes to once it is decoded: to be added up, a few fields at a time.
pub(crate) fn weights<'a>(
    message: &MessageDescriptor,
    encoded: &'a [u8],
) -> impl Iterator<Item = Weight> + 'a {
    let (mut fields, mut places) = (Fields::of(message, encoded).peekable(), BTreeMap::new());
    std::iter::from_fn(move || {
        fields.peek()?;
        let mut weight = Weight::default();
        for Occurrence { field, value, again } in fields.by_ref().take(WEIGHED_AT_ONCE) {
            weight.again += usize::from(again);
            weight.bytes += match (field, value) {
                // It has its place.
                _ if again => 0,
                (Some(field), Some(value)) => place(&field, value, &mut places),
                (Some(_), None) => SCALAR,
                (None, _) => 0,
            };
        }
        Some(weight)
    })
}

/// Bytes of the place that one occurrence of a field takes. `places` are those of the messages met so far, by the name
/// of their field.
fn place(field: &FieldDescriptor, value: &[u8], places: &mut BTreeMap<String, usize>) -> usize {
    match field.kind() {
        _ if field.is_map() => MAP_NODE,
        Kind::Message(inner) => match places.get(field.full_name()) {
            Some(place) => *place,
            None => {
                // What is not in a box stands in the place of what it is in.
                let has_its_own = field.is_list() || is_boxed(field, &inner);
                let place = if has_its_own { width(&inner, WIDTH_DEPTH).min(WIDEST) } else { 0 };
                places.insert(field.full_name().to_owned(), place);
                place
            }
        },
        // A text is copied.
        Kind::String => HANDLE + value.len(),
        Kind::Bytes => HANDLE,
        _ => SCALAR * elements(field, value),
    }
}

/// Whether what a field has is in a box of its own, as a message is that may be within itself. What else is boxed is so
/// for its width, which counts with what it is in.
fn is_boxed(field: &FieldDescriptor, inner: &MessageDescriptor) -> bool {
    let parent = field.parent_message();
    let (mut seen, mut next) = (BTreeSet::new(), vec![inner.clone()]);
    while let Some(message) = next.pop() {
        if message == *parent {
            return true;
        }
        if seen.insert(message.full_name().to_owned()) {
            let single = message.fields().filter(|field| !field.is_list() && !field.is_map());
            next.extend(single.filter_map(|field| field.kind().as_message().cloned()));
        }
    }
    false
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
    use atoll_api::temporal::api::workflowservice::v1::{
        SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
    };
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
            weights(&message, encoded).map(|some| some.bytes).sum::<usize>()
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
    fn a_message_is_weighed_a_few_fields_at_a_time_also_where_it_is_one_field() {
        let of = |encoded: &[u8]| {
            let name = "temporal.api.workflowservice.v1.SignalWorkflowExecutionRequest";
            let message = atoll_api::descriptor_pool().get_message_by_name(name).expect("it is published");
            weights(&message, encoded).map(|some| some.bytes).collect::<Vec<usize>>()
        };
        let signal = |payloads| {
            let input = Some(Payloads { payloads: vec![Payload::default(); payloads] });
            SignalWorkflowExecutionRequest { input, ..Default::default() }.encode_to_vec()
        };
        let each = of(&signal(1))[0];
        assert_eq!(of(&signal(2)), [2 * each], "the input itself takes nothing");
        assert_eq!(of(&signal(WEIGHED_AT_ONCE - 1)), [(WEIGHED_AT_ONCE - 1) * each]);
        let large = of(&signal(3 * WEIGHED_AT_ONCE));
        assert_eq!(large.len(), 4);
        assert_eq!(large.iter().sum::<usize>(), 3 * WEIGHED_AT_ONCE * each);
        assert_eq!(of(&[]), [0; 0]);
        // What is wrong ends the message in which it is, and no other.
        let [input, behind] = [[0x22, 0x02, 0x0a, 0x7f], [0x22, 0x02, 0x0a, 0x00]];
        assert_eq!(of(&[input, behind].concat()), [each]);
    }

    /// A namespace, an input and in it the metadata of a payload, each twice in the same message.
    #[test]
    fn what_may_come_once_is_weighed_once_and_counted_each_further_time() {
        let of = |encoded: &[u8]| {
            let name = "temporal.api.workflowservice.v1.SignalWorkflowExecutionRequest";
            let message = atoll_api::descriptor_pool().get_message_by_name(name).expect("it is published");
            let all: Vec<Weight> = weights(&message, encoded).collect();
            (
                all.iter().map(|some| some.bytes).sum::<usize>(),
                all.iter().map(|some| some.again).sum::<usize>(),
            )
        };
        let namespace = |text: &str| [&[0x0a, text.len() as u8][..], text.as_bytes()].concat();
        assert_eq!(of(&namespace("")), (HANDLE, 0));
        assert_eq!(of(&namespace("orders")), (HANDLE + 6, 0), "a text is copied");
        assert_eq!(of(&namespace("").repeat(1_000_000)), (HANDLE, 999_999));
        let (one, none) = of(&[0x22, 0x02, 0x0a, 0x00]);
        assert_eq!(none, 0);
        // The same list goes on.
        assert_eq!(of(&[0x22, 0x02, 0x0a, 0x00].repeat(3)), (3 * one, 2));
        assert_eq!(of(&[0x22, 0x06, 0x0a, 0x00, 0x0a, 0x00, 0x0a, 0x00]), (3 * one, 0), "a list has many");
    }

    /// Each is in a box in the one before.
    #[test]
    fn a_chain_of_causes_weighs_each_of_them() {
        let failure = atoll_api::descriptor_pool().get_message_by_name("temporal.api.failure.v1.Failure");
        let failure = failure.expect("it is published");
        let weighed = |causes: usize| {
            let deep = (0..causes).fold(Failure::default(), |cause, _| Failure {
                cause: Some(Box::new(cause)),
                ..Default::default()
            });
            weights(&failure, &deep.encode_to_vec()).map(|some| some.bytes).sum::<usize>()
        };
        assert_eq!(weighed(0), 0);
        let each = weighed(1);
        assert!(each >= size_of::<Failure>(), "{each} of {}", size_of::<Failure>());
        assert_eq!(weighed(90), 90 * each);
    }

    #[test]
    fn every_number_is_seen_once() {
        let mut seen = Seen::default();
        for number in [1, 127, 128, 20_000] {
            assert_eq!([seen.again(number), seen.again(number)], [false, true], "{number}");
        }
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
        for (bytes, expected) in [(&[0x0a, 0, 0x0a, 9][..], 1), (&[0xff; 20], 0), (&[0x0a, 0, 0x0b], 1)] {
            assert_eq!(count(&payloads, bytes, 100), Some(expected), "{bytes:?}");
        }
    }
}
