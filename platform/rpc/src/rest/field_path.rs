//! Where in a request's JSON something stands, as its sender wrote it: `spec.regions[1]`, `memo.fields["a.b"].data`.

use std::borrow::Cow;
use std::fmt;

use prost_reflect::{FieldDescriptor, MessageDescriptor};

/// How much of a name that its sender chose is repeated.
const SHOWN_CHARS: usize = 64;

/// A name as it is repeated to its sender: of a long one the start.
pub(super) fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &name[..end]).into(),
        None => name.into(),
    }
}

/// A place, and the place that holds it.
pub(super) enum FieldPath<'p> {
    /// The request.
    Root,
    /// A field of a message, by the name that the sender used.
    Field(&'p FieldPath<'p>, &'p str),
    /// An element of a list.
    Item(&'p FieldPath<'p>, usize),
    /// An entry of a map.
    Entry(&'p FieldPath<'p>, &'p str),
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => formatter.write_str(&shown(name)),
            Self::Field(parent, name) => write!(formatter, "{parent}.{}", shown(name)),
            Self::Item(parent, index) => write!(formatter, "{parent}[{index}]"),
            Self::Entry(parent, key) => write!(formatter, "{parent}[{:?}]", shown(key)),
        }
    }
}

/// The field that a JSON name means, in either spelling.
pub(super) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// Whether a message has a JSON form of its own instead of an object of its fields.
pub(super) fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_its_sender_would_write_it() {
        let spec = FieldPath::Field(&FieldPath::Root, "spec");
        let regions = FieldPath::Field(&spec, "regions");
        let region = FieldPath::Item(&regions, 1);
        assert_eq!(region.to_string(), "spec.regions[1]");
        let entry = FieldPath::Entry(&spec, "a.\"b");
        assert_eq!(FieldPath::Field(&entry, "data").to_string(), r#"spec["a.\"b"].data"#);
        let long = FieldPath::Field(&spec, &"ü".repeat(65)).to_string();
        assert_eq!(long, format!("spec.{}...", "ü".repeat(64)));
    }
}
