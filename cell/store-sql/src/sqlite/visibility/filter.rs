//! Filters in SQLite's SQL.

use crate::filter::{Condition, Dialect};
use crate::sqlite::keys::Statement;
use cell_visibility::{RecordId, Value};
use uuid::Uuid;

/// SQLite: values of every type stand in one column, as they are.
pub(super) struct Sqlite;

/// What a parameter is bound to.
pub(super) enum Argument {
    Text(String),
    Integer(i64),
    Real(f64),
    Blob(Vec<u8>),
}

impl Dialect for Sqlite {
    type Argument = Argument;
    const TRUE: &'static str = "1";
    const FALSE: &'static str = "0";
    // See the texts of `RecordId`.
    const RUN_ID: &'static str = "(CASE WHEN r.record_id < '~' THEN r.record_id END)";
    const OF_RECORD: &'static str = "a.row_id = r.row_id";
    const JOINED: &'static str = "d.row_id = r.row_id";
    const UNINDEXED: &'static str = "+";
    const FURTHER_JOIN: &'static str = "CROSS JOIN";
    const VERSION: (&'static str, &'static str) = ("r.row_id", "a.row_id");
    const KEY: &'static str = "value";
    const VALUE: &'static str = "a.value";
    const ONLY: &'static str = " AND a.ordinal = 0";

    fn mark(_number: usize) -> String {
        // SQLite counts them itself; what has a number or a name is looked for among all others.
        "?".to_owned()
    }

    fn namespace(namespace_id: Uuid) -> Argument {
        Argument::Blob(namespace_id.as_bytes().to_vec())
    }

    fn name(name: &str) -> Argument {
        Argument::Text(name.to_owned())
    }

    fn record_id(id: &RecordId) -> Argument {
        Argument::Text(id.to_string())
    }

    fn number(number: i64) -> Argument {
        Argument::Integer(number)
    }

    fn beside_column(value: &Value) -> Option<(Argument, &'static str)> {
        Some((Self::beside_value(value)?, "$"))
    }

    fn beside_value(value: &Value) -> Option<Argument> {
        Some(match value {
            Value::Text(text) | Value::Keyword(text) => Argument::Text(text.clone()),
            Value::Int(number) | Value::Datetime(number) => Argument::Integer(*number),
            Value::Double(number) => Argument::Real(*number),
            Value::Bool(truth) => Argument::Integer(i64::from(*truth)),
            // Never a constant of a filter.
            Value::KeywordList(_) => return None,
        })
    }

    fn beside_key(value: &Value) -> Option<Argument> {
        Self::beside_value(value)
    }
}

/// Binds the values of a condition.
pub(super) fn bind(condition: Condition<Sqlite>, statement: Statement<'_>) -> Statement<'_> {
    condition.arguments.into_iter().fold(statement, |statement, argument| match argument {
        Argument::Text(text) => statement.bind(text),
        Argument::Integer(number) => statement.bind(number),
        Argument::Real(number) => statement.bind(number),
        Argument::Blob(bytes) => statement.bind(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_parameters_and_never_text() {
        crate::filter::tests::values_are_parameters_and_never_text::<Sqlite>();
    }

    #[test]
    fn joins_are_few() {
        crate::filter::tests::joins_are_few::<Sqlite>();
    }
}
