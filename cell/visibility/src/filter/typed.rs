//! Which operators and values go with an attribute.

use super::{
    error::FilterError,
    expr::{Literal, Test},
};
use crate::{
    duration::parse_duration,
    schema::{Attribute, Field, Resolved, SystemField},
    status::ExecutionStatus,
    text::words,
    value::{AttributeType, Value},
};

/// Whether the attribute may be tested that way.
pub(crate) fn operator_allowed(attribute: &Attribute, test: &Test) -> bool {
    let equality = matches!(test, Test::Compare(op, _) if !op.is_ordering());
    if matches!(test, Test::IsNull { .. }) || equality {
        return true;
    }
    // A status is one of a few; its order and its letters mean nothing.
    let keyword = attribute.field != Field::System(SystemField::ExecutionStatus);
    match (attribute.value_type, test) {
        (AttributeType::Text | AttributeType::Bool, _) => false,
        (_, Test::In { .. }) => true,
        (AttributeType::KeywordList, _) => false,
        (AttributeType::Keyword, _) => keyword,
        (AttributeType::Int | AttributeType::Double | AttributeType::Datetime, _) => {
            !matches!(test, Test::StartsWith { .. })
        }
    }
}

/// The constant that a literal stands for beside this attribute.
pub(crate) fn typed_value(name: &str, resolved: &Resolved, literal: &Literal) -> Result<Value, FilterError> {
    let Attribute { field, value_type } = &resolved.attribute;
    let value = match field {
        Field::System(SystemField::ExecutionStatus) => {
            let status = status(literal).ok_or_else(|| FilterError::Status(literal.to_string()))?;
            return Ok(Value::Keyword(status.name().to_owned()));
        }
        Field::System(SystemField::ExecutionDuration) => duration(literal),
        _ => plain(*value_type, resolved.prefix, literal),
    };
    value.ok_or_else(|| match (value_type, literal) {
        (AttributeType::Datetime, Literal::String(_)) => FilterError::Datetime(literal.to_string()),
        _ => FilterError::Value {
            value: literal.to_string(),
            value_type: *value_type,
            attribute: name.to_owned(),
        },
    })
}

fn plain(value_type: AttributeType, prefix: &str, literal: &Literal) -> Option<Value> {
    match (value_type, literal) {
        (AttributeType::Keyword | AttributeType::KeywordList, Literal::String(text)) => {
            Some(Value::Keyword(format!("{prefix}{text}")))
        }
        (AttributeType::Text, Literal::String(text)) => {
            // Text without a word would find nothing, and its negation everything.
            words(text).next().map(|_| Value::Text(text.clone()))
        }
        (AttributeType::Int, Literal::Int(number)) => Some(Value::Int(*number)),
        (AttributeType::Int | AttributeType::Double, Literal::Double(number)) => Some(Value::Double(*number)),
        (AttributeType::Double, Literal::Int(number)) => Some(Value::Double(*number as f64)),
        (AttributeType::Bool, Literal::Bool(value)) => Some(Value::Bool(*value)),
        (AttributeType::Datetime, Literal::Int(nanoseconds)) => Some(Value::Datetime(*nanoseconds)),
        (AttributeType::Datetime, Literal::String(text)) => datetime(text).map(Value::Datetime),
        _ => None,
    }
}

fn status(literal: &Literal) -> Option<ExecutionStatus> {
    match literal {
        Literal::String(name) => ExecutionStatus::from_name(name),
        Literal::Int(number) => ExecutionStatus::from_number(i32::try_from(*number).ok()?),
        Literal::Double(_) | Literal::Bool(_) => None,
    }
}

fn duration(literal: &Literal) -> Option<Value> {
    match literal {
        Literal::Int(nanoseconds) => Some(Value::Int(*nanoseconds)),
        Literal::String(text) => parse_duration(text).map(Value::Int),
        Literal::Double(_) | Literal::Bool(_) => None,
    }
}

/// RFC 3339, or nanoseconds in digits; between the years 1677 and 2262.
fn datetime(text: &str) -> Option<i64> {
    if let Ok(nanoseconds) = text.parse() {
        return Some(nanoseconds);
    }
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    timestamp.as_nanosecond().try_into().ok()
}
