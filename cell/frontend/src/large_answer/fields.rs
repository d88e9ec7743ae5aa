//! The top-level fields of an encoded message, without decoding any.

use bytes::Bytes;
use prost::DecodeError;
use prost::encoding::{self, DecodeContext, WireType, decode_key, skip_field};

/// Iterates over the fields of a message. Ends after the first malformed one.
pub(super) struct Fields {
    rest: Bytes,
}

/// One field.
pub(super) struct Field {
    pub(super) number: u32,
    wire: WireType,
    /// With its key.
    pub(super) whole: Bytes,
    /// Without.
    content: Bytes,
}

impl Fields {
    pub(super) fn of(message: &Bytes) -> Self {
        Self { rest: message.clone() }
    }

    fn field(&mut self) -> Result<Field, DecodeError> {
        let before = self.rest.clone();
        let (number, wire) = decode_key(&mut self.rest)?;
        let content = self.rest.clone();
        skip_field(wire, number, &mut self.rest, DecodeContext::default())?;
        let end = self.rest.len();
        let whole = before.slice(..before.len() - end);
        Ok(Field { number, wire, whole, content: content.slice(..content.len() - end) })
    }
}

impl Iterator for Fields {
    type Item = Result<Field, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest.clear();
        }
        Some(field)
    }
}

impl Field {
    /// What a length-delimited field holds.
    pub(super) fn value(mut self) -> Result<Bytes, DecodeError> {
        let mut value = Bytes::new();
        encoding::bytes::merge(self.wire, &mut value, &mut self.content, DecodeContext::default())?;
        Ok(value)
    }
}
