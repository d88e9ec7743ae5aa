use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::{Buf, BufMut, Bytes};
use prost::encoding::{self, DecodeContext, WireType, decode_key, encode_key, encode_varint};
use prost::{DecodeError, Message, Name};

use crate::temporal::api::history::v1::HistoryEvent;

/// Number of `History.events`.
const EVENTS: u32 = 1;
/// Key byte in front of each event: field 1, length-delimited.
const KEY: usize = 1;

/// `temporal.api.history.v1.History` whose events stay encoded.
///
/// Stored events go into an answer by being copied as bytes: they are never decoded just to be sent. Concatenated
/// encodings of `History` are an encoding of the concatenated history, so chunks of several events are spliced whole.
#[derive(Clone, Default)]
pub struct RawHistory {
    chunks: Vec<Chunk>,
}

/// A part of a history in one buffer.
#[derive(Clone)]
enum Chunk {
    /// Any number of events, each behind key and length: an encoded `History`.
    Framed(Bytes),
    /// One encoded event, as decoding finds it.
    Event(Bytes),
}

impl RawHistory {
    /// A history of the given events.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a HistoryEvent>) -> Self {
        Self { chunks: vec![Chunk::Framed(Self::encode_events(events))] }
    }

    /// A history out of one encoded `History`, which is taken as it is: a malformed one is found by whoever reads it.
    pub fn from_encoded(encoded: Bytes) -> Self {
        Self { chunks: vec![Chunk::Framed(encoded)] }
    }

    /// Encodes events in the form that [`push_encoded`](Self::push_encoded) takes.
    pub fn encode_events<'a>(events: impl IntoIterator<Item = &'a HistoryEvent>) -> Bytes {
        let mut buffer = Vec::new();
        for event in events {
            encoding::message::encode(EVENTS, event, &mut buffer);
        }
        buffer.into()
    }

    /// Appends an encoded `History` of any number of events, sharing its buffer.
    pub fn push_encoded(&mut self, encoded: Bytes) {
        if !encoded.is_empty() {
            self.chunks.push(Chunk::Framed(encoded));
        }
    }

    /// Appends one encoded `HistoryEvent`, sharing its buffer.
    pub fn push_event(&mut self, encoded: Bytes) {
        self.chunks.push(Chunk::Event(encoded));
    }

    /// Appends the events of `other`.
    pub fn append(&mut self, other: RawHistory) {
        self.chunks.extend(other.chunks);
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.chunks.iter().all(|chunk| matches!(chunk, Chunk::Framed(bytes) if bytes.is_empty()))
    }

    /// The encoded events, in order, sharing the buffers. Ends after the first malformed one.
    pub fn encoded_events(&self) -> impl Iterator<Item = Result<Bytes, DecodeError>> + '_ {
        EncodedEvents { chunks: self.chunks.iter(), framed: Bytes::new() }
    }

    /// The decoded events, in order.
    pub fn events(&self) -> impl Iterator<Item = Result<HistoryEvent, DecodeError>> + '_ {
        self.encoded_events().map(|event| event.and_then(HistoryEvent::decode))
    }

    /// The whole history in one buffer; shares it where there is one chunk.
    pub fn to_encoded(&self) -> Bytes {
        match self.chunks.as_slice() {
            [Chunk::Framed(bytes)] => bytes.clone(),
            _ => self.encode_to_vec().into(),
        }
    }
}

struct EncodedEvents<'a> {
    chunks: std::slice::Iter<'a, Chunk>,
    /// What is left of a framed chunk.
    framed: Bytes,
}

impl Iterator for EncodedEvents<'_> {
    type Item = Result<Bytes, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.framed.is_empty() {
                match self.chunks.next()? {
                    Chunk::Framed(bytes) => self.framed = bytes.clone(),
                    Chunk::Event(bytes) => return Some(Ok(bytes.clone())),
                }
                continue;
            }
            match next_framed(&mut self.framed) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(error) => {
                    *self = EncodedEvents { chunks: [].iter(), framed: Bytes::new() };
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Takes the first field off: an event, or none for a field that a later contract may add.
fn next_framed(framed: &mut Bytes) -> Result<Option<Bytes>, DecodeError> {
    let (field, wire) = decode_key(framed)?;
    if field != EVENTS {
        encoding::skip_field(wire, field, framed, DecodeContext::default())?;
        return Ok(None);
    }
    let mut event = Bytes::new();
    encoding::bytes::merge(wire, &mut event, framed, DecodeContext::default())?;
    Ok(Some(event))
}

impl Message for RawHistory {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        for chunk in &self.chunks {
            match chunk {
                Chunk::Framed(bytes) => buf.put_slice(bytes),
                Chunk::Event(bytes) => {
                    encode_key(EVENTS, WireType::LengthDelimited, buf);
                    encode_varint(bytes.len() as u64, buf);
                    buf.put_slice(bytes);
                }
            }
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        if tag != EVENTS {
            return encoding::skip_field(wire_type, tag, buf, ctx);
        }
        let mut event = Bytes::new();
        encoding::bytes::merge(wire_type, &mut event, buf, ctx)?;
        self.chunks.push(Chunk::Event(event));
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| match chunk {
                Chunk::Framed(bytes) => bytes.len(),
                Chunk::Event(bytes) => KEY + encoding::encoded_len_varint(bytes.len() as u64) + bytes.len(),
            })
            .sum()
    }

    fn clear(&mut self) {
        self.chunks.clear();
    }
}

impl Name for RawHistory {
    const NAME: &'static str = "History";
    const PACKAGE: &'static str = "temporal.api.history.v1";

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

/// Histories are equal when their encodings are, however they are cut.
impl PartialEq for RawHistory {
    fn eq(&self, other: &Self) -> bool {
        self.to_encoded() == other.to_encoded()
    }
}

impl Eq for RawHistory {}

impl Hash for RawHistory {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_encoded().hash(state);
    }
}

impl fmt::Debug for RawHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events()).finish()
    }
}

#[cfg(test)]
mod tests;
