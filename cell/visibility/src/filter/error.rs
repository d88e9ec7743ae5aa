//! Why a filter is refused.

use crate::value::AttributeType;

/// Why a filter is refused; always the client's fault: INVALID_ARGUMENT with this text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// The text is not in the language.
    #[error("invalid query: malformed query: {message} at position {position}{}", near(.found))]
    Malformed {
        /// What was expected or wrong.
        message: String,
        /// The byte in the text, from one.
        position: usize,
        /// What stands there; empty at the end.
        found: String,
    },
    /// SQL that the language does not have.
    #[error("invalid query: operation is not supported: {0}")]
    NotSupported(String),
    /// The filter exceeds one of the named limits.
    #[error("invalid query: {what} exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// No attribute has that name.
    #[error("invalid query: invalid expression: column name '{0}' is not a valid search attribute")]
    UnknownAttribute(String),
    /// The operator does not go with the attribute's type.
    #[error(
        "invalid query: invalid expression: operator '{operator}' not supported for {value_type} type search attribute '{attribute}'"
    )]
    Operator {
        /// The operator as it is written in filters.
        operator: &'static str,
        /// The attribute's type.
        value_type: AttributeType,
        /// The attribute as the filter names it.
        attribute: String,
    },
    /// The value does not go with the attribute's type.
    #[error(
        "invalid query: invalid expression: invalid value for search attribute {attribute} of type {value_type}: {value}"
    )]
    Value {
        /// The value as it is written in filters.
        value: String,
        /// The attribute's type.
        value_type: AttributeType,
        /// The attribute as the filter names it.
        attribute: String,
    },
    /// The text is no time.
    #[error("invalid query: invalid expression: unable to parse datetime {0}")]
    Datetime(String),
    /// No status has that name or number.
    #[error("invalid query: invalid expression: invalid ExecutionStatus value {0}")]
    Status(String),
}

fn near(found: &str) -> String {
    if found.is_empty() { String::new() } else { format!(" near '{found}'") }
}
