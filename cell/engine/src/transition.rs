//! A transition: what happened to one entity in one step.

use atoll_api::RawHistory;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::{self as log, Change};
use atoll_internal_api::usage::v1::{Actions, UsageEntry};
use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// What happened to one entity in one step: new history events, then state changes that are not
/// events. Applying it is the only way that state changes, live and in recovery.
#[derive(Clone, PartialEq, Debug)]
pub struct Transition {
    /// The entity; one that does not exist yet comes into being.
    pub entity: EntityKey,
    /// New events in order of their ids.
    pub events: Vec<NewEvent>,
    /// Changes applied after the events.
    pub changes: Vec<Change>,
    /// Billable actions that leave no event (heartbeats, delivered retries): input of the metering
    /// rules, not stored.
    pub unrecorded: Vec<Actions>,
    /// Derived by the metering rules before the record is appended.
    pub usage: Vec<UsageEntry>,
}

/// A history event, decoded for `apply` and encoded once for the log, the store and every reader.
#[derive(Clone, PartialEq, Debug)]
pub struct NewEvent {
    /// Decoded.
    pub event: HistoryEvent,
    /// Encoded, without tag and length.
    pub encoded: Bytes,
}

impl NewEvent {
    /// Encodes an event. What is written must be readable: failures are cut before they become part of one
    /// (`atoll_internal_api::failure`), and nothing else of an event stands in itself.
    pub(crate) fn new(event: HistoryEvent) -> Self {
        Self { encoded: encoded(&event), event }
    }

    /// What it adds to the size of its history: its encoding behind key and length, as histories are stored and sent.
    /// `history_size_bytes` and what storage is billed by are sums of it (the original's measure).
    pub fn stored_bytes(&self) -> u64 {
        let length = self.encoded.len();
        (key_len(1) + encoded_len_varint(length as u64) + length) as u64
    }
}

/// An event as it is stored. Builds with assertions read it back.
pub(crate) fn encoded(event: &HistoryEvent) -> Bytes {
    let encoded = Bytes::from(event.encode_to_vec());
    debug_assert_eq!(
        HistoryEvent::decode(encoded.clone()).as_ref(),
        Ok(event),
        "an event that nobody can read"
    );
    encoded
}

impl Transition {
    /// A step of `entity` in which nothing has happened yet.
    pub fn of(entity: EntityKey) -> Self {
        Self { entity, events: Vec::new(), changes: Vec::new(), unrecorded: Vec::new(), usage: Vec::new() }
    }

    /// As it is logged.
    pub fn to_proto(&self) -> log::Transition {
        let mut logged = self.events_to_proto();
        (logged.changes, logged.usage) = (self.changes.clone(), self.usage.clone());
        logged
    }

    /// As it is logged, without its changes and its usage. Events are framed once; the bytes are shared by log, history
    /// and readers.
    pub fn events_to_proto(&self) -> log::Transition {
        let size: u64 = self.events.iter().map(NewEvent::stored_bytes).sum();
        let mut events = Vec::with_capacity(size as usize);
        for event in &self.events {
            encode_key(1, WireType::LengthDelimited, &mut events);
            encode_varint(event.encoded.len() as u64, &mut events);
            events.extend_from_slice(&event.encoded);
        }
        log::Transition { entity: Some((&self.entity).into()), events: events.into(), ..Default::default() }
    }

    /// From the log. Decodes the events, whose bytes are shared with it. There are none where they stand beside the
    /// log and were not put in place.
    pub fn from_proto(logged: &log::Transition) -> Result<Self, prost::DecodeError> {
        let bad = || prost::DecodeError::new("logged transition has no valid entity name");
        let entity = logged.entity.as_ref().and_then(log::EntityName::key).ok_or_else(bad)?;
        let mut events = Vec::new();
        for encoded in RawHistory::from_encoded(logged.events.clone()).encoded_events() {
            let encoded = encoded?;
            events.push(NewEvent { event: HistoryEvent::decode(encoded.clone())?, encoded });
        }
        Ok(Self {
            entity,
            events,
            changes: logged.changes.clone(),
            unrecorded: Vec::new(),
            usage: logged.usage.clone(),
        })
    }
}

impl Transition {
    /// Whether the run is closed by it.
    pub fn closes(&self) -> bool {
        self.events.iter().any(|new| crate::run::closing_status(new.event.event_type()).is_some())
    }
}
