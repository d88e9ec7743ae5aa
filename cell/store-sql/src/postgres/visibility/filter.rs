//! Filters in PostgreSQL's SQL.

use super::encoding;
use crate::filter::{Condition, Dialect, plain_column};
use crate::postgres::keys::Statement;
use cell_visibility::{RecordId, SystemField, Value};
use uuid::Uuid;

/// PostgreSQL: names and values of search attributes are bytes.
pub(super) struct Postgres;

/// What a parameter is bound to.
pub(super) enum Argument {
    Bytes(Vec<u8>),
    Integer(i64),
    Text(String),
    Uuid(Uuid),
}

impl Dialect for Postgres {
    type Argument = Argument;
    const TRUE: &'static str = "true";
    const FALSE: &'static str = "false";
    const RUN_ID: &'static str = "(CASE WHEN get_byte(r.record_id, 0) = 0 \
         THEN convert_to(encode(substring(r.record_id FROM 2), 'hex')::uuid::text, 'UTF8') END)";
    const OF_RECORD: &'static str =
        "a.namespace_id = r.namespace_id AND a.record_id = r.record_id AND a.position = r.position";
    // Positions compare in a form whose frequency the planner does not guess: it takes names to be few that have two
    // columns alike, and reads tables from end to end then.
    const JOINED: &'static str =
        "d.record_id = r.record_id AND CASE WHEN d.position = r.position THEN true END";
    const UNINDEXED: &'static str = "";
    const FURTHER_JOIN: &'static str = "JOIN";
    const VERSION: (&'static str, &'static str) = ("(r.record_id, r.position)", "a.record_id, a.position");
    const KEY: &'static str = "key";
    const VALUE: &'static str = "coalesce(a.value, a.key)";
    const ONLY: &'static str = "";

    fn mark(number: usize) -> String {
        format!("${number}")
    }

    fn column(field: SystemField) -> &'static str {
        match field {
            SystemField::ParentRunId => "convert_to(r.parent_run_id::text, 'UTF8')",
            SystemField::RootRunId => "convert_to(r.root_run_id::text, 'UTF8')",
            SystemField::StartTime => "(~r.start_rank)",
            SystemField::CloseTime => "(~nullif(r.close_rank, ~9223372036854775807))",
            plain => plain_column::<Self>(plain),
        }
    }

    fn namespace(namespace_id: Uuid) -> Argument {
        Argument::Uuid(namespace_id)
    }

    fn name(name: &str) -> Argument {
        Argument::Bytes(name.as_bytes().to_vec())
    }

    fn record_id(id: &RecordId) -> Argument {
        Argument::Bytes(encoding::record_id(id))
    }

    fn number(number: i64) -> Argument {
        Argument::Integer(number)
    }

    fn beside_column(value: &Value) -> Option<(Argument, &'static str)> {
        Some(match value {
            Value::Text(text) | Value::Keyword(text) => (Argument::Bytes(text.as_bytes().to_vec()), "$"),
            Value::Int(number) | Value::Datetime(number) => (Argument::Integer(*number), "$"),
            Value::Double(number) => (Argument::Text(among_integers(*number)), "$::numeric"),
            Value::Bool(_) | Value::KeywordList(_) => return None,
        })
    }

    fn beside_value(value: &Value) -> Option<Argument> {
        encoding::value(value).map(Argument::Bytes)
    }

    fn beside_key(value: &Value) -> Option<Argument> {
        encoding::value(value).map(|bytes| Argument::Bytes(encoding::key(&bytes)))
    }
}

/// A decimal that is between, or is, the same integers as the number.
fn among_integers(number: f64) -> String {
    let half = if number.fract() == 0.0 { "" } else { ".5" };
    format!("{:.0}{half}", number.trunc())
}

/// Binds the values of a condition.
pub(super) fn bind(condition: Condition<Postgres>, statement: Statement<'_>) -> Statement<'_> {
    condition.arguments.into_iter().fold(statement, |statement, argument| match argument {
        Argument::Bytes(bytes) => statement.bind(bytes),
        Argument::Integer(number) => statement.bind(number),
        Argument::Text(text) => statement.bind(text),
        Argument::Uuid(id) => statement.bind(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_parameters_and_never_text() {
        crate::filter::tests::values_are_parameters_and_never_text::<Postgres>();
    }

    #[test]
    fn joins_are_few() {
        crate::filter::tests::joins_are_few::<Postgres>();
    }

    #[test]
    fn a_fraction_stands_between_the_same_integers() {
        for (number, text) in [
            (2.0, "2"),
            (2.3, "2.5"),
            (-2.3, "-2.5"),
            (-0.1, "-0.5"),
            (0.1, "0.5"),
            (9_223_372_036_854_775_808.0, "9223372036854775808"),
            (-1e20, "-100000000000000000000"),
        ] {
            assert_eq!(among_integers(number), text);
        }
    }
}
