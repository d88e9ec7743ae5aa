//! Filters as SQL: texts of ours only, every value a bound parameter.

use crate::sqlite::keys::Statement;
use cell_visibility::{
    Attribute, AttributeType, CompareOp, Field, Predicate, SystemField, Value, text_tokens,
};
use std::fmt::Write;
use uuid::Uuid;

/// A condition on the record `r`, and the values of its parameters in order.
pub(super) struct Condition {
    pub(super) sql: String,
    arguments: Vec<Argument>,
}

enum Argument {
    Text(String),
    Integer(i64),
    Real(f64),
    Blob(Vec<u8>),
}

/// What a test must answer on a record without the attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    /// Null, so that a negation around it finds nothing either.
    Unknown,
    /// Anything but true will do: no negation is around it. Lets an index answer.
    NotTrue,
}

impl Condition {
    pub(super) fn new(predicate: &Predicate, namespace_id: Uuid) -> Condition {
        let mut condition = Condition { sql: String::new(), arguments: Vec::new() };
        Rendering { condition: &mut condition, namespace_id }.predicate(predicate, Nulls::NotTrue);
        condition
    }

    /// The value of a Keyword attribute, to group by.
    pub(super) fn value_of(attribute: &Attribute, namespace_id: Uuid) -> Condition {
        let mut condition = Condition { sql: String::new(), arguments: Vec::new() };
        Rendering { condition: &mut condition, namespace_id }.scalar(attribute);
        condition
    }

    pub(super) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q> {
        self.arguments.into_iter().fold(statement, |statement, argument| match argument {
            Argument::Text(text) => statement.bind(text),
            Argument::Integer(number) => statement.bind(number),
            Argument::Real(number) => statement.bind(number),
            Argument::Blob(bytes) => statement.bind(bytes),
        })
    }
}

struct Rendering<'a> {
    condition: &'a mut Condition,
    namespace_id: Uuid,
}

impl Rendering<'_> {
    fn text(&mut self, sql: &str) {
        self.condition.sql.push_str(sql);
    }

    fn parameter(&mut self, argument: Argument) {
        self.text("?");
        self.condition.arguments.push(argument);
    }

    fn value(&mut self, value: &Value) {
        self.parameter(match value {
            Value::Text(text) | Value::Keyword(text) => Argument::Text(text.clone()),
            Value::Int(number) | Value::Datetime(number) => Argument::Integer(*number),
            Value::Double(number) => Argument::Real(*number),
            Value::Bool(truth) => Argument::Integer(i64::from(*truth)),
            // Never a constant of a filter: compared with nothing.
            Value::KeywordList(_) => return self.text("NULL"),
        });
    }

    fn predicate(&mut self, predicate: &Predicate, nulls: Nulls) {
        match predicate {
            Predicate::And(operands) => self.chain(operands, " AND ", "1", nulls),
            Predicate::Or(operands) => self.chain(operands, " OR ", "0", nulls),
            Predicate::Not(operand) => {
                self.text("(NOT ");
                self.predicate(operand, Nulls::Unknown);
                self.text(")");
            }
            Predicate::Compare { attribute, op, value } => self.compare(attribute, *op, value, nulls),
            Predicate::In { attribute, negated, values } => {
                self.any_of(attribute, values, *negated, nulls);
            }
            Predicate::Between { attribute, negated, low, high } => {
                self.text("(");
                self.scalar(attribute);
                self.text(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.value(low);
                self.text(" AND ");
                self.value(high);
                self.text(")");
            }
            Predicate::StartsWith { attribute, negated, prefix } => {
                self.starts_with(attribute, *negated, prefix)
            }
            Predicate::IsNull { attribute, negated } => self.is_null(attribute, *negated),
        }
    }

    /// As a balanced tree: SQLite bounds the depth of expressions, not their number.
    fn chain(&mut self, operands: &[Predicate], word: &str, empty: &str, nulls: Nulls) {
        match operands {
            [] => self.text(empty),
            [one] => self.predicate(one, nulls),
            many => {
                let (first, second) = many.split_at(many.len() / 2);
                self.text("(");
                self.chain(first, word, empty, nulls);
                self.text(word);
                self.chain(second, word, empty, nulls);
                self.text(")");
            }
        }
    }

    fn compare(&mut self, attribute: &Attribute, op: CompareOp, value: &Value, nulls: Nulls) {
        if !op.is_ordering() {
            let negated = op == CompareOp::NotEqual;
            return self.any_of(attribute, std::slice::from_ref(value), negated, nulls);
        }
        self.text("(");
        self.scalar(attribute);
        self.text(match op {
            CompareOp::Less => " < ",
            CompareOp::LessOrEqual => " <= ",
            CompareOp::Greater => " > ",
            CompareOp::GreaterOrEqual => " >= ",
            CompareOp::Equal | CompareOp::NotEqual => " = ",
        });
        self.value(value);
        self.text(")");
    }

    /// Whether the attribute, or a member or word of it, is one of the values.
    fn any_of(&mut self, attribute: &Attribute, values: &[Value], negated: bool, nulls: Nulls) {
        let many = matches!(attribute.value_type, AttributeType::Text | AttributeType::KeywordList);
        match &attribute.field {
            Field::Search(name) if nulls == Nulls::NotTrue && !negated => {
                self.text("(r.row_id IN (SELECT a.row_id FROM attribute AS a WHERE a.namespace_id = ");
                self.parameter(Argument::Blob(self.namespace_id.as_bytes().to_vec()));
                self.text(" AND a.name = ");
                self.parameter(Argument::Text(name.clone()));
                self.kind(attribute.value_type);
                self.text(" AND a.value IS NOT NULL AND a.value");
                self.list(attribute, values);
                self.text("))");
            }
            Field::System(SystemField::RunId) if nulls == Nulls::NotTrue && !negated => {
                // The name itself, which an index knows.
                self.text("(r.record_id");
                self.list(attribute, values);
                self.text(" AND r.record_id < '~')");
            }
            Field::Search(_) if many => {
                self.text("(CASE WHEN ");
                self.exists(attribute);
                self.text(if negated { ") THEN NOT " } else { ") THEN " });
                self.exists(attribute);
                self.text(" AND a.value");
                self.list(attribute, values);
                self.text(") END)");
            }
            Field::Search(_) | Field::System(_) => {
                self.text("(");
                self.scalar(attribute);
                self.text(if negated { " NOT" } else { "" });
                self.list(attribute, values);
                self.text(")");
            }
        }
    }

    /// ` IN (values)`; of a text, the words of its values.
    fn list(&mut self, attribute: &Attribute, values: &[Value]) {
        self.text(" IN (");
        let mut first = true;
        let mut comma = |rendering: &mut Self| {
            rendering.text(if first { "" } else { ", " });
            first = false;
        };
        for value in values {
            match value {
                Value::Text(text) if attribute.value_type == AttributeType::Text => {
                    for word in text_tokens(text) {
                        comma(self);
                        self.parameter(Argument::Text(word));
                    }
                }
                value => {
                    comma(self);
                    self.value(value);
                }
            }
        }
        self.text(")");
    }

    fn starts_with(&mut self, attribute: &Attribute, negated: bool, prefix: &str) {
        self.text(if negated { "(NOT (" } else { "(" });
        self.scalar(attribute);
        self.text(" >= ");
        self.parameter(Argument::Text(prefix.to_owned()));
        if let Some(end) = end_of_prefix(prefix) {
            self.text(" AND ");
            self.scalar(attribute);
            self.text(" < ");
            self.parameter(Argument::Text(end));
        }
        self.text(if negated { "))" } else { ")" });
    }

    fn is_null(&mut self, attribute: &Attribute, negated: bool) {
        match &attribute.field {
            Field::System(field) => {
                let column = column(*field);
                self.text("(");
                self.text(column);
                self.text(if negated { " IS NOT NULL)" } else { " IS NULL)" });
            }
            Field::Search(_) => {
                self.text(if negated { "(" } else { "(NOT " });
                self.exists(attribute);
                self.text("))");
            }
        }
    }

    /// The value of an attribute that has one; null where the record lacks it.
    fn scalar(&mut self, attribute: &Attribute) {
        match &attribute.field {
            Field::System(field) => self.text(column(*field)),
            Field::Search(name) => {
                self.text("(SELECT a.value FROM attribute AS a WHERE a.row_id = r.row_id AND a.name = ");
                self.parameter(Argument::Text(name.clone()));
                self.text(" AND a.ordinal = 0");
                self.kind(attribute.value_type);
                self.text(")");
            }
        }
    }

    /// `EXISTS (` rows of the attribute, to be closed by the caller.
    fn exists(&mut self, attribute: &Attribute) {
        let Field::Search(name) = &attribute.field else { return self.text("EXISTS (SELECT 1") };
        self.text("EXISTS (SELECT 1 FROM attribute AS a WHERE a.row_id = r.row_id AND a.name = ");
        self.parameter(Argument::Text(name.clone()));
        self.kind(attribute.value_type);
    }

    fn kind(&mut self, of: AttributeType) {
        // A number of ours, so that the text stays short.
        let _ = write!(self.condition.sql, " AND a.kind = {}", of.number());
    }
}

/// The least string above all that begin with the prefix, bytewise; none where nothing is above them.
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            char::MAX => continue,
            '\u{d7ff}' => '\u{e000}',
            last => char::from_u32(u32::from(last) + 1)?,
        };
        end.push(next);
        return Some(end);
    }
    None
}

fn column(field: SystemField) -> &'static str {
    match field {
        SystemField::WorkflowId => "r.workflow_id",
        // Null for what has no runs: see the texts of `RecordId`.
        SystemField::RunId => "(CASE WHEN r.record_id < '~' THEN r.record_id END)",
        SystemField::WorkflowType => "r.workflow_type",
        SystemField::ExecutionStatus => "r.status",
        SystemField::TaskQueue => "r.task_queue",
        SystemField::ParentWorkflowId => "r.parent_workflow_id",
        SystemField::ParentRunId => "r.parent_run_id",
        SystemField::RootWorkflowId => "r.root_workflow_id",
        SystemField::RootRunId => "r.root_run_id",
        SystemField::StartTime => "r.start_time",
        SystemField::ExecutionTime => "r.execution_time",
        SystemField::CloseTime => "r.close_time",
        SystemField::HistoryLength => "r.history_length",
        SystemField::ExecutionDuration => "r.execution_duration",
        SystemField::StateTransitionCount => "r.state_transition_count",
        SystemField::HistorySizeBytes => "r.history_size_bytes",
        SystemField::NamespaceDivision => "r.division",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_string_bytewise() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
            ("\u{7f}", Some("\u{80}")),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    #[test]
    fn values_are_parameters_and_never_text() {
        let evil = "x' OR 1 --";
        let attribute = Attribute::search(evil, AttributeType::Keyword);
        let value = || Value::Keyword(evil.to_owned());
        let all = Predicate::And(vec![
            Predicate::Compare { attribute: attribute.clone(), op: CompareOp::Equal, value: value() },
            Predicate::Compare { attribute: attribute.clone(), op: CompareOp::Less, value: value() },
            Predicate::In { attribute: attribute.clone(), negated: true, values: vec![value(), value()] },
            Predicate::Between { attribute: attribute.clone(), negated: false, low: value(), high: value() },
            Predicate::StartsWith { attribute: attribute.clone(), negated: true, prefix: evil.to_owned() },
            Predicate::IsNull { attribute, negated: false },
        ]);
        let condition = Condition::new(&Predicate::Not(Box::new(all.clone())), Uuid::nil());
        assert!(!condition.sql.contains('\''), "{}", condition.sql);
        assert_eq!(condition.sql.matches('?').count(), condition.arguments.len());
        let condition = Condition::new(&all, Uuid::nil());
        assert!(!condition.sql.contains('\''), "{}", condition.sql);
        assert_eq!(condition.sql.matches('?').count(), condition.arguments.len());
    }
}
