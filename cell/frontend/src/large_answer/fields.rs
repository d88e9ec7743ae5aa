//! The top-level fields of an encoded message, without decoding any.

use bytes::Bytes;
use prost::DecodeError;
use prost::encoding::{self, DecodeContext, WireType, decode_key, skip_field};

/// Iterates over the fields of a message. Ends after the first malformed one.
pub(super) struct Fields<'m> {
    message: &'m Bytes,
    rest: &'m [u8],
}

/// One field.
pub(super) struct Field<'m> {
    pub(super) number: u32,
    wire: WireType,
    message: &'m Bytes,
    /// With its key.
    pub(super) whole: &'m [u8],
    /// Without.
    content: &'m [u8],
}

impl<'m> Fields<'m> {
    pub(super) fn of(message: &'m Bytes) -> Self {
        Self { message, rest: message }
    }

    fn field(&mut self) -> Result<Field<'m>, DecodeError> {
        let before = self.rest;
        let (number, wire) = decode_key(&mut self.rest)?;
        let content = self.rest;
        skip_field(wire, number, &mut self.rest, DecodeContext::default())?;
        let until = |from: &'m [u8]| &from[..from.len() - self.rest.len()];
        Ok(Field { number, wire, message: self.message, whole: until(before), content: until(content) })
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Result<Field<'m>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl Field<'_> {
    /// What a length-delimited field holds: a part of the message.
    pub(super) fn value(self) -> Result<Bytes, DecodeError> {
        let (mut value, mut content) = (Bytes::new(), self.message.slice_ref(self.content));
        encoding::bytes::merge(self.wire, &mut value, &mut content, DecodeContext::default())?;
        Ok(value)
    }
}
