//! How each predicate reads in SQL.

use super::{Dialect, MAX_JOINS, Term};
use cell_visibility::{
    Attribute, AttributeType, CompareOp, Field, PageToken, Predicate, RecordId, SystemField, Value,
    text_tokens,
};
use std::fmt::Write;
use std::marker::PhantomData;
use uuid::Uuid;

/// The close rank of what is open: the least.
const OPEN: &str = "~9223372036854775807";

/// What a test must answer on a record without the attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// Null, so that a negation around it finds nothing either.
    Unknown,
    /// Anything but true will do: no negation is around it. Lets an index answer.
    NotTrue,
}

/// The text of a condition as far as it is written, with its arguments in the order of their marks.
pub(super) struct Rendering<D: Dialect> {
    sql: String,
    arguments: Vec<D::Argument>,
    /// Rows and sets so far.
    joined: usize,
    namespace_id: Uuid,
    dialect: PhantomData<D>,
}

/// How operands are combined: the word between them, and what none of them are.
pub(super) type Combination = (&'static str, &'static str);

impl<D: Dialect> Rendering<D> {
    pub(super) const AND: Combination = (" AND ", D::TRUE);
    const OR: Combination = (" OR ", D::FALSE);

    /// Nothing is written yet, of a condition on records of a namespace.
    pub(super) fn new(namespace_id: Uuid) -> Self {
        let (sql, arguments) = (String::new(), Vec::new());
        Self { sql, arguments, joined: 0, namespace_id, dialect: PhantomData }
    }

    /// What has been written since the last time, and all arguments.
    pub(super) fn done(self) -> (String, Vec<D::Argument>) {
        (self.sql, self.arguments)
    }

    /// What has been written since the last time.
    pub(super) fn taken(&mut self) -> String {
        std::mem::take(&mut self.sql)
    }

    pub(super) fn text(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    pub(super) fn parameter(&mut self, argument: D::Argument) {
        self.arguments.push(argument);
        self.sql.push_str(&D::mark(self.arguments.len()));
    }

    /// That a record stands behind a place, and AND.
    pub(super) fn behind(&mut self, place: &str, token: &PageToken) {
        let _ = write!(self.sql, "({place}.close_rank, {place}.start_rank, {place}.record_id) > (");
        self.parameter(D::number(!token.close_order()));
        self.text(", ");
        self.parameter(D::number(!token.start_time));
        self.text(", ");
        self.parameter(D::record_id(&token.id));
        self.text(") AND ");
    }

    /// Joins the rows of a search attribute with one value.
    pub(super) fn join(&mut self, number: usize, term: Term<'_, D>) {
        self.joined += 1;
        let table = format!("d{number}");
        let _ = write!(
            self.sql,
            " {} attribute AS {table} ON {}",
            if number > 1 { D::FURTHER_JOIN } else { "JOIN" },
            D::JOINED.replace("d.", &format!("{table}."))
        );
        let _ = write!(self.sql, " AND {table}.namespace_id = ");
        self.parameter(D::namespace(self.namespace_id));
        let _ = write!(self.sql, " AND {table}.name = ");
        self.parameter(D::name(term.name));
        let kind = term.attribute.value_type.number();
        let unindexed = if number > 1 { D::UNINDEXED } else { "" };
        let _ = write!(self.sql, " AND {table}.kind = {kind} AND {unindexed}{table}.{} = ", D::KEY);
        self.parameter(term.key);
    }

    fn predicate(&mut self, predicate: &Predicate, nulls: Nulls) {
        match predicate {
            Predicate::And(operands) => self.chain(operands, Self::AND, nulls),
            Predicate::Or(operands) => self.chain(operands, Self::OR, nulls),
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
                self.between(attribute, *negated, low, high, nulls);
            }
            Predicate::StartsWith { attribute, negated, prefix } => {
                self.starts_with(attribute, *negated, prefix)
            }
            Predicate::IsNull { attribute, negated } => self.is_null(attribute, *negated),
        }
    }

    /// As a balanced tree: engines bound the depth of expressions, not their number.
    pub(super) fn chain<P: std::borrow::Borrow<Predicate>>(
        &mut self,
        operands: &[P],
        combination: Combination,
        nulls: Nulls,
    ) {
        let (word, empty) = combination;
        match operands {
            [] => self.text(empty),
            [one] => self.predicate(one.borrow(), nulls),
            many => {
                let (first, second) = many.split_at(many.len() / 2);
                self.text("(");
                self.chain(first, combination, nulls);
                self.text(word);
                self.chain(second, combination, nulls);
                self.text(")");
            }
        }
    }

    fn compare(&mut self, attribute: &Attribute, op: CompareOp, value: &Value, nulls: Nulls) {
        if !op.is_ordering() {
            let negated = op == CompareOp::NotEqual;
            return self.any_of(attribute, std::slice::from_ref(value), negated, nulls);
        }
        // Ranks descend with their times.
        let op = if ranked(attribute) { reversed(op) } else { op };
        self.text("(");
        self.comparable(attribute, false, nulls);
        self.text(match op {
            CompareOp::Less => " < ",
            CompareOp::LessOrEqual => " <= ",
            CompareOp::Greater => " > ",
            CompareOp::GreaterOrEqual => " >= ",
            CompareOp::Equal | CompareOp::NotEqual => " = ",
        });
        self.constant(attribute, value);
        self.text(")");
    }

    fn between(&mut self, attribute: &Attribute, negated: bool, low: &Value, high: &Value, nulls: Nulls) {
        let (least, greatest) = if ranked(attribute) { (high, low) } else { (low, high) };
        self.text("(");
        self.comparable(attribute, negated, nulls);
        if is_indexed_rank(attribute, negated, nulls) {
            // Two bounds, of which an index takes the lower one from a page's place instead.
            self.text(" >= ");
            self.constant(attribute, least);
            self.text(" AND r.close_rank <= ");
        } else {
            self.text(if negated { " NOT BETWEEN " } else { " BETWEEN " });
            self.constant(attribute, least);
            self.text(" AND ");
        }
        self.constant(attribute, greatest);
        self.text(")");
    }

    /// Whether the attribute, or a member or word of it, is one of the values.
    fn any_of(&mut self, attribute: &Attribute, values: &[Value], negated: bool, nulls: Nulls) {
        let many = matches!(attribute.value_type, AttributeType::Text | AttributeType::KeywordList);
        match &attribute.field {
            Field::Search(_) if nulls == Nulls::NotTrue && !negated && self.joined >= MAX_JOINS => {
                // Nothing that a planner turns into a join.
                self.text("(CASE WHEN ");
                self.exists(attribute);
                self.has_key(attribute, values);
                let _ = write!(self.sql, ") THEN {} END)", D::TRUE);
            }
            Field::Search(name) if nulls == Nulls::NotTrue && !negated => {
                self.joined += 1;
                let (record, attribute_of) = D::VERSION;
                let _ = write!(self.sql, "({record} IN (SELECT {attribute_of} FROM attribute AS a");
                self.text(" WHERE a.namespace_id = ");
                self.parameter(D::namespace(self.namespace_id));
                self.text(" AND a.name = ");
                self.parameter(D::name(name));
                self.kind(attribute.value_type);
                self.has_key(attribute, values);
                self.text("))");
            }
            Field::System(SystemField::RunId) if nulls == Nulls::NotTrue && !negated => {
                // The name itself, which an index knows.
                self.text("(r.record_id");
                self.list(values.iter().filter_map(run).map(|id| D::record_id(&id)).collect());
                self.text(")");
            }
            Field::Search(_) if many => {
                self.text("(CASE WHEN ");
                self.exists(attribute);
                self.text(if negated { ") THEN NOT " } else { ") THEN " });
                self.exists(attribute);
                self.has_key(attribute, values);
                self.text(") END)");
            }
            Field::Search(_) | Field::System(_) => {
                self.text("(");
                self.comparable(attribute, negated, nulls);
                self.text(if negated { " NOT IN (" } else { " IN (" });
                for (number, value) in values.iter().enumerate() {
                    self.text(if number == 0 { "" } else { ", " });
                    self.constant(attribute, value);
                }
                self.text("))");
            }
        }
    }

    /// ` AND` that the row `a` is of one of the values; of a text, of one of their words.
    fn has_key(&mut self, attribute: &Attribute, values: &[Value]) {
        let _ = write!(self.sql, " AND a.{}", D::KEY);
        self.list(keys::<D>(attribute, values));
    }

    /// ` IN (parameters)`; of none, what is never true.
    fn list(&mut self, arguments: Vec<D::Argument>) {
        self.text(" IN (");
        let none = arguments.is_empty();
        for (number, argument) in arguments.into_iter().enumerate() {
            self.text(if number == 0 { "" } else { ", " });
            self.parameter(argument);
        }
        self.text(if none { "NULL)" } else { ")" });
    }

    fn starts_with(&mut self, attribute: &Attribute, negated: bool, prefix: &str) {
        self.text(if negated { "(NOT (" } else { "(" });
        self.scalar(attribute);
        self.text(" >= ");
        self.constant(attribute, &Value::Keyword(prefix.to_owned()));
        if let Some(end) = end_of_prefix(prefix) {
            self.text(" AND ");
            self.scalar(attribute);
            self.text(" < ");
            self.constant(attribute, &Value::Keyword(end));
        }
        self.text(if negated { "))" } else { ")" });
    }

    fn is_null(&mut self, attribute: &Attribute, negated: bool) {
        match &attribute.field {
            Field::System(SystemField::CloseTime) => {
                self.text(if negated { "(r.close_rank > " } else { "(r.close_rank = " });
                self.text(OPEN);
                self.text(")");
            }
            Field::System(field) => {
                self.text("(");
                self.text(D::column(*field));
                self.text(if negated { " IS NOT NULL)" } else { " IS NULL)" });
            }
            Field::Search(_) => {
                self.text(if negated { "(" } else { "(NOT " });
                self.exists(attribute);
                self.text("))");
            }
        }
    }

    /// What a constant is compared with. Where nothing negates what is asked, an index knows a time of closing.
    fn comparable(&mut self, attribute: &Attribute, negated: bool, nulls: Nulls) {
        if is_indexed_rank(attribute, negated, nulls) {
            self.text("r.close_rank > ");
            self.text(OPEN);
            self.text(" AND r.close_rank");
        } else {
            self.scalar(attribute);
        }
    }

    /// The value of an attribute that has one, or the rank of a time; null where the record lacks it.
    pub(super) fn scalar(&mut self, attribute: &Attribute) {
        match &attribute.field {
            Field::System(SystemField::StartTime) => self.text("r.start_rank"),
            Field::System(SystemField::CloseTime) => {
                self.text("nullif(r.close_rank, ");
                self.text(OPEN);
                self.text(")");
            }
            Field::System(field) => self.text(D::column(*field)),
            Field::Search(_) => {
                self.text("(SELECT ");
                self.text(D::VALUE);
                self.rows(attribute);
                self.text(D::ONLY);
                self.text(")");
            }
        }
    }

    /// `EXISTS (` rows of the attribute, to be closed by the caller.
    fn exists(&mut self, attribute: &Attribute) {
        self.text("EXISTS (SELECT 1");
        self.rows(attribute);
    }

    fn rows(&mut self, attribute: &Attribute) {
        let Field::Search(name) = &attribute.field else { return };
        self.text(" FROM attribute AS a WHERE ");
        self.text(D::OF_RECORD);
        self.text(" AND a.name = ");
        self.parameter(D::name(name));
        self.kind(attribute.value_type);
    }

    fn kind(&mut self, of: AttributeType) {
        // A number of ours, so that the text stays short.
        let _ = write!(self.sql, " AND a.kind = {}", of.number());
    }

    /// A constant beside what [`scalar`](Self::scalar) wrote.
    fn constant(&mut self, attribute: &Attribute, value: &Value) {
        match (&attribute.field, value) {
            (_, Value::Datetime(time)) if ranked(attribute) => self.parameter(D::number(!time)),
            (Field::System(_), value) => match D::beside_column(value) {
                Some((argument, form)) => {
                    let (before, behind) = form.split_once('$').unwrap_or((form, ""));
                    self.text(before);
                    self.parameter(argument);
                    self.text(behind);
                }
                None => self.text("NULL"),
            },
            (Field::Search(_), value) => match D::beside_value(value) {
                Some(argument) => self.parameter(argument),
                None => self.text("NULL"),
            },
        }
    }
}

/// Whether records keep the attribute as a rank.
fn ranked(attribute: &Attribute) -> bool {
    matches!(attribute.field, Field::System(SystemField::StartTime | SystemField::CloseTime))
}

/// Whether the attribute is the time of closing, asked for so that what is open need not be unknown.
fn is_indexed_rank(attribute: &Attribute, negated: bool, nulls: Nulls) -> bool {
    let close_time = attribute.field == Field::System(SystemField::CloseTime);
    close_time && !negated && nulls == Nulls::NotTrue
}

fn reversed(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessOrEqual => CompareOp::GreaterOrEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterOrEqual => CompareOp::LessOrEqual,
        same @ (CompareOp::Equal | CompareOp::NotEqual) => same,
    }
}

/// The keys of values; of a text's, of their words.
pub(super) fn keys<D: Dialect>(attribute: &Attribute, values: &[Value]) -> Vec<D::Argument> {
    let mut keys = Vec::new();
    for value in values {
        match value {
            Value::Text(text) if attribute.value_type == AttributeType::Text => {
                keys.extend(text_tokens(text).filter_map(|word| D::beside_key(&Value::Keyword(word))));
            }
            value => keys.extend(D::beside_key(value)),
        }
    }
    keys
}

/// The run of this text, if there can be one.
fn run(value: &Value) -> Option<RecordId> {
    let Value::Keyword(text) = value else { return None };
    RecordId::parse(text).filter(|id| id.run_id().is_some() && id.to_string() == *text)
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
}
