//! How many values something of clients has, and what these take of memory: an empty payload is two bytes when it is
//! sent or stored, and a hundred in memory; one that says one thing of itself is six bytes, and seven hundred.

use crate::state::v1 as state;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as command, Command};
use atoll_api::temporal::api::common::v1::{Header, Memo, Payload, Payloads, RetryPolicy, SearchAttributes};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes as EventAttributes;
use atoll_api::temporal::api::query::v1::{WorkflowQuery, WorkflowQueryResult};
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use std::collections::BTreeMap;

/// Values that a field of a request has at most, a field of a command that starts a run, and any other command. The
/// original knows no such limit, and SDKs send a value for each argument.
pub const MAX_VALUES: usize = 2_000;

/// Entries of a map's node, and the fewest in one that is not the only one.
const NODE_ENTRIES: usize = 11;
const FEWEST_ENTRIES: usize = 5;
/// What a node takes beside its entries, and an allocation.
const NODE_BYTES: usize = 32;

/// What something of clients comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Payloads, what each says of itself, texts of lists, causes of failures.
    pub values: usize,
    /// Bytes of memory that they take beside their contents: those are counted where the encoded bytes are.
    pub spread: usize,
}

impl Tally {
    fn each<T>(&mut self, items: &[T]) {
        self.values += items.len();
        self.spread += size_of_val(items);
    }

    fn map<K, V>(&mut self, map: &BTreeMap<K, V>) {
        self.values += map.len();
        let nodes = map.len().div_ceil(if map.len() > NODE_ENTRIES { FEWEST_ENTRIES } else { NODE_ENTRIES });
        self.spread += nodes * (NODE_ENTRIES * size_of::<(K, V)>() + NODE_BYTES);
    }
}

/// Something in which values of clients stand.
pub trait Values {
    /// Adds what it holds.
    fn add_to(&self, tally: &mut Tally);

    /// What it comes to.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.add_to(&mut tally);
        tally
    }

    /// Whether it has more values than it may.
    fn has_too_many(&self) -> bool {
        self.tally().values > MAX_VALUES
    }
}

impl<T: Values> Values for Option<T> {
    fn add_to(&self, tally: &mut Tally) {
        self.iter().for_each(|inner| inner.add_to(tally));
    }
}

impl<T: Values> Values for Box<T> {
    fn add_to(&self, tally: &mut Tally) {
        (**self).add_to(tally);
    }
}

fn inside(payload: &Payload, tally: &mut Tally) {
    tally.map(&payload.metadata);
    tally.each(&payload.external_payloads);
}

impl Values for Payload {
    fn add_to(&self, tally: &mut Tally) {
        tally.each(std::slice::from_ref(self));
        inside(self, tally);
    }
}

impl Values for Payloads {
    fn add_to(&self, tally: &mut Tally) {
        tally.each(&self.payloads);
        self.payloads.iter().for_each(|payload| inside(payload, tally));
    }
}

impl Values for BTreeMap<String, Payload> {
    fn add_to(&self, tally: &mut Tally) {
        tally.map(self);
        self.values().for_each(|payload| inside(payload, tally));
    }
}

impl Values for BTreeMap<String, Payloads> {
    fn add_to(&self, tally: &mut Tally) {
        tally.map(self);
        self.values().for_each(|payloads| payloads.add_to(tally));
    }
}

impl Values for Vec<String> {
    fn add_to(&self, tally: &mut Tally) {
        tally.each(self);
    }
}

impl Values for Failure {
    fn add_to(&self, tally: &mut Tally) {
        for failure in std::iter::successors(Some(self), |failure| failure.cause.as_deref()) {
            tally.each(std::slice::from_ref(failure));
            failure.encoded_attributes.add_to(tally);
            match &failure.failure_info {
                Some(FailureInfo::ApplicationFailureInfo(info)) => info.details.add_to(tally),
                Some(FailureInfo::TimeoutFailureInfo(info)) => info.last_heartbeat_details.add_to(tally),
                Some(FailureInfo::CanceledFailureInfo(info)) => info.details.add_to(tally),
                Some(FailureInfo::ResetWorkflowFailureInfo(info)) => {
                    info.last_heartbeat_details.add_to(tally)
                }
                // They bring none.
                Some(
                    FailureInfo::TerminatedFailureInfo(_)
                    | FailureInfo::ServerFailureInfo(_)
                    | FailureInfo::ActivityFailureInfo(_)
                    | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
                    | FailureInfo::NexusOperationExecutionFailureInfo(_)
                    | FailureInfo::NexusHandlerFailureInfo(_),
                )
                | None => {}
            }
        }
    }
}

/// What stands in fields.
macro_rules! fields {
    ($($message:ty: $($field:ident)*;)*) => {$(
        impl Values for $message {
            fn add_to(&self, tally: &mut Tally) {
                $(self.$field.add_to(tally);)*
                let _ = tally;
            }
        }
    )*};
}

fields! {
    Header: fields;
    Memo: fields;
    SearchAttributes: indexed_fields;
    UserMetadata: summary details;
    RetryPolicy: non_retryable_error_types;
    WorkflowQuery: query_args header;
    WorkflowQueryResult: answer failure;
    NewWorkflowExecutionInfo: input retry_policy memo search_attributes header user_metadata;
    command::ScheduleActivityTaskCommandAttributes: header input retry_policy;
    command::CompleteWorkflowExecutionCommandAttributes: result;
    command::FailWorkflowExecutionCommandAttributes: failure;
    command::CancelWorkflowExecutionCommandAttributes: details;
    command::SignalExternalWorkflowExecutionCommandAttributes: input header;
    command::UpsertWorkflowSearchAttributesCommandAttributes: search_attributes;
    command::ModifyWorkflowPropertiesCommandAttributes: upserted_memo;
    command::RecordMarkerCommandAttributes: details header failure;
    command::ContinueAsNewWorkflowExecutionCommandAttributes:
        input retry_policy failure last_completion_result header memo search_attributes;
    command::StartChildWorkflowExecutionCommandAttributes: input retry_policy header memo search_attributes;
    history::WorkflowExecutionStartedEventAttributes:
        input continued_failure last_completion_result retry_policy memo search_attributes header;
    history::ActivityTaskScheduledEventAttributes: header input retry_policy;
    history::StartChildWorkflowExecutionInitiatedEventAttributes:
        input retry_policy header memo search_attributes;
    history::SignalExternalWorkflowExecutionInitiatedEventAttributes: input header;
    history::UpsertWorkflowSearchAttributesEventAttributes: search_attributes;
    history::WorkflowPropertiesModifiedEventAttributes: upserted_memo;
    state::Activity: scheduled heartbeat_details last_failure;
    state::Timer: ;
    state::Child: initiated;
    state::ExternalSignal: initiated;
    state::ExternalCancel: ;
}

impl Values for Command {
    fn add_to(&self, tally: &mut Tally) {
        self.user_metadata.add_to(tally);
        match &self.attributes {
            Some(Attributes::ScheduleActivityTaskCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::CompleteWorkflowExecutionCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::FailWorkflowExecutionCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::CancelWorkflowExecutionCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::SignalExternalWorkflowExecutionCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::ModifyWorkflowPropertiesCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::RecordMarkerCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(a)) => a.add_to(tally),
            Some(Attributes::StartChildWorkflowExecutionCommandAttributes(a)) => a.add_to(tally),
            // They bring none.
            Some(
                Attributes::StartTimerCommandAttributes(_)
                | Attributes::CancelTimerCommandAttributes(_)
                | Attributes::RequestCancelActivityTaskCommandAttributes(_)
                | Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(_),
            )
            | None => {}
            // They are not built: nothing of them is kept.
            Some(
                Attributes::ProtocolMessageCommandAttributes(_)
                | Attributes::ScheduleNexusOperationCommandAttributes(_)
                | Attributes::RequestCancelNexusOperationCommandAttributes(_),
            ) => {}
        }
    }
}

/// Of an event that leaves values in a run's state; none of any other.
impl Values for EventAttributes {
    fn add_to(&self, tally: &mut Tally) {
        match self {
            Self::WorkflowExecutionStartedEventAttributes(a) => a.add_to(tally),
            Self::ActivityTaskScheduledEventAttributes(a) => a.add_to(tally),
            Self::StartChildWorkflowExecutionInitiatedEventAttributes(a) => a.add_to(tally),
            Self::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => a.add_to(tally),
            Self::UpsertWorkflowSearchAttributesEventAttributes(a) => a.add_to(tally),
            Self::WorkflowPropertiesModifiedEventAttributes(a) => a.add_to(tally),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(things: usize) -> Payload {
        let metadata = (0..things).map(|n| (n.to_string(), Default::default())).collect();
        Payload { metadata, ..Default::default() }
    }

    #[test]
    fn payloads_what_they_say_and_causes_are_values() {
        assert_eq!(Payloads::default().tally(), Tally::default());
        let payloads = Payloads { payloads: vec![says(0), says(3)] };
        assert_eq!(payloads.tally().values, 5);
        let cause = Failure { encoded_attributes: Some(says(1)), ..Default::default() };
        let failure = Failure { cause: Some(Box::new(cause)), ..Default::default() };
        assert_eq!(failure.tally().values, 4);
        let fields = [("a".to_owned(), says(2))].into();
        let start = NewWorkflowExecutionInfo {
            input: Some(payloads),
            memo: Some(Memo { fields }),
            retry_policy: Some(RetryPolicy {
                non_retryable_error_types: vec![String::new(); 7],
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(start.tally().values, 5 + 3 + 7);
        let marker = command::RecordMarkerCommandAttributes {
            details: [("d".to_owned(), Payloads { payloads: vec![says(1)] })].into(),
            failure: Some(failure),
            ..Default::default()
        };
        let marker = Command {
            attributes: Some(Attributes::RecordMarkerCommandAttributes(marker)),
            ..Default::default()
        };
        assert_eq!(marker.tally().values, 3 + 4);
    }

    #[test]
    fn nodes_of_maps_and_places_in_lists_are_counted() {
        let empty = Payloads { payloads: vec![says(0); 10] };
        assert_eq!(empty.tally().spread, 10 * size_of::<Payload>());
        let one = says(1).tally().spread - size_of::<Payload>();
        assert!(one > NODE_ENTRIES * size_of::<(String, Payload)>() / 2, "a whole node: {one}");
        assert_eq!(says(NODE_ENTRIES).tally().spread, says(1).tally().spread);
        assert!(says(NODE_ENTRIES + 1).tally().spread > says(1).tally().spread + one);
    }

    #[test]
    fn there_is_a_most() {
        let of = |count| Payloads { payloads: vec![Payload::default(); count] };
        assert!(!of(MAX_VALUES).has_too_many());
        assert!(of(MAX_VALUES + 1).has_too_many());
    }
}
