//! Search attribute types and values.

use std::{collections::BTreeMap, fmt};

/// The type of a search attribute; the numbers are those of the published `IndexedValueType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeType {
    /// Words: `=` finds a record that has any of the given words.
    Text = 1,
    /// One string, compared whole and byte by byte.
    Keyword = 2,
    /// A signed 64-bit integer.
    Int = 3,
    /// A finite 64-bit float.
    Double = 4,
    /// True or false.
    Bool = 5,
    /// A moment, in nanoseconds since the Unix epoch.
    Datetime = 6,
    /// Strings: `=` finds a record whose list has the given one.
    KeywordList = 7,
}

impl AttributeType {
    /// All types, by number.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Keyword, Self::Int, Self::Double, Self::Bool, Self::Datetime, Self::KeywordList];

    /// The name in payload metadata and messages, for example `KeywordList`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Keyword => "Keyword",
            Self::Int => "Int",
            Self::Double => "Double",
            Self::Bool => "Bool",
            Self::Datetime => "Datetime",
            Self::KeywordList => "KeywordList",
        }
    }

    /// The number in the published `IndexedValueType`.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The type of that number; none for zero and unknown ones.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.number() == number)
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value of a search attribute, in a record or as a constant of a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a Text attribute: the text as it was set.
    Text(String),
    /// Of a Keyword attribute, and one member that a filter looks for in a KeywordList.
    Keyword(String),
    /// Of an Int attribute.
    Int(i64),
    /// Of a Double attribute, always finite. A filter may also compare an Int attribute with a fraction.
    Double(f64),
    /// Of a Bool attribute.
    Bool(bool),
    /// Of a Datetime attribute, nanoseconds since the Unix epoch.
    Datetime(i64),
    /// Of a KeywordList attribute; never empty, since an empty list unsets the attribute.
    KeywordList(Vec<String>),
}

impl Value {
    /// Bytes of memory that it takes beside itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Keyword(text) => text.len(),
            Self::Int(_) | Self::Double(_) | Self::Bool(_) | Self::Datetime(_) => 0,
            Self::KeywordList(words) => words.iter().map(|word| size_of::<String>() + word.len()).sum(),
        }
    }

    /// The type whose attributes hold this value.
    pub fn value_type(&self) -> AttributeType {
        match self {
            Self::Text(_) => AttributeType::Text,
            Self::Keyword(_) => AttributeType::Keyword,
            Self::Int(_) => AttributeType::Int,
            Self::Double(_) => AttributeType::Double,
            Self::Bool(_) => AttributeType::Bool,
            Self::Datetime(_) => AttributeType::Datetime,
            Self::KeywordList(_) => AttributeType::KeywordList,
        }
    }
}

/// The search attributes of a record by stored name.
pub type Attributes = BTreeMap<String, Value>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_contract() {
        for (number, of) in (1..).zip(AttributeType::ALL) {
            assert_eq!((of.number(), AttributeType::from_number(number)), (number, Some(of)));
        }
        assert_eq!(AttributeType::from_number(0), None);
        assert_eq!(AttributeType::from_number(8), None);
    }
}
