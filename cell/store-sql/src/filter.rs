//! Filters as SQL: texts of ours only, every value a bound parameter.
//!
//! What the engines share. Each keeps a row of a record, `r`, with its place in the default order (`close_rank`,
//! `start_rank`, `record_id`, all ascending), and beside it rows of its search attributes, `a`: one for each value, for
//! each member of a list and for each word of a text. Those of one value stand in an index in the default order.

use cell_visibility::{
    Attribute, AttributeType, CompareOp, Field, PageToken, Predicate, RecordId, SystemField, Value,
    text_tokens,
};
use std::fmt::Write;
use std::marker::PhantomData;
use uuid::Uuid;

/// The close rank of what is open: the least.
const OPEN: &str = "~9223372036854775807";

/// Rows that are joined at most, together with sets that a record is looked up in, which planners join, too: they try
/// the orders of all, and take half a gigabyte for some dozens.
const MAX_JOINS: usize = 5;

/// What engines differ in.
pub(crate) trait Dialect: Sized {
    /// A bound value.
    type Argument;
    const TRUE: &'static str;
    const FALSE: &'static str;
    /// The run id as text, null for what has no runs.
    const RUN_ID: &'static str;
    /// That the rows `a` are of the record `r`.
    const OF_RECORD: &'static str;
    /// As [`OF_RECORD`](Self::OF_RECORD), of rows `d` of the record's namespace that are joined.
    const JOINED: &'static str;
    /// Stands before a value that no index is to be used for, where a planner would look through all that have it.
    const UNINDEXED: &'static str;
    /// Joins a second attribute and more: behind the first one, where a planner would begin with them.
    const FURTHER_JOIN: &'static str;
    /// What tells a record's version, and the same of a row `a`.
    const VERSION: (&'static str, &'static str);
    /// What the index of values knows of a row of a search attribute.
    const KEY: &'static str;
    /// The whole value of the row `a`, which has the order of values.
    const VALUE: &'static str;
    /// That the row `a` is the only one of an attribute with one value; with a leading AND, or nothing.
    const ONLY: &'static str;

    /// The place of the parameter of this number, from 1 on. Each stands in the text once, in order.
    fn mark(number: usize) -> String;
    /// The column of an attribute with a place of its own, null where the record lacks it.
    fn column(field: SystemField) -> &'static str {
        plain_column::<Self>(field)
    }
    fn namespace(namespace_id: Uuid) -> Self::Argument;
    fn name(name: &str) -> Self::Argument;
    fn record_id(id: &RecordId) -> Self::Argument;
    fn number(number: i64) -> Self::Argument;
    /// A constant beside a column, and what is to be made of the parameter, `$` in it; none of what equals nothing.
    fn beside_column(value: &Value) -> Option<(Self::Argument, &'static str)>;
    /// A constant beside [`VALUE`](Self::VALUE).
    fn beside_value(value: &Value) -> Option<Self::Argument>;
    /// A constant beside [`KEY`](Self::KEY).
    fn beside_key(value: &Value) -> Option<Self::Argument>;
}

/// The column of an attribute where it is kept as lists show it.
pub(crate) fn plain_column<D: Dialect>(field: SystemField) -> &'static str {
    match field {
        SystemField::WorkflowId => "r.workflow_id",
        SystemField::RunId => D::RUN_ID,
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

/// A condition on the record `r`, and the values of its parameters in the order of the statement's text.
pub(crate) struct Condition<D: Dialect> {
    /// What records are grouped by.
    group: String,
    /// Rows of attributes that are joined to `r`, each of which stands there once for each record that is found.
    joins: String,
    /// That a record stands behind a place and in its namespace.
    stands: String,
    filter: String,
    pub(crate) arguments: Vec<D::Argument>,
}

/// What a test must answer on a record without the attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    /// Null, so that a negation around it finds nothing either.
    Unknown,
    /// Anything but true will do: no negation is around it. Lets an index answer.
    NotTrue,
}

impl<D: Dialect> Condition<D> {
    /// What a filter finds in a namespace.
    pub(crate) fn new(predicate: &Predicate, namespace_id: Uuid) -> Self {
        Self::of(predicate, namespace_id, None, None)
    }

    /// Only what stands behind a place in the default order. The first page goes without one: there an index begins at
    /// the first record that is asked for, instead of at the first of all.
    pub(crate) fn after(predicate: &Predicate, namespace_id: Uuid, place: Option<&PageToken>) -> Self {
        Self::of(predicate, namespace_id, place, None)
    }

    /// Grouped by a Keyword attribute.
    pub(crate) fn grouped(predicate: &Predicate, namespace_id: Uuid, by: &Attribute) -> Self {
        Self::of(predicate, namespace_id, None, Some(by))
    }

    fn of(
        predicate: &Predicate,
        namespace_id: Uuid,
        place: Option<&PageToken>,
        group_by: Option<&Attribute>,
    ) -> Self {
        let mut rendering = Rendering::<D> {
            sql: String::new(),
            arguments: Vec::new(),
            joined: 0,
            namespace_id,
            dialect: PhantomData,
        };
        if let Some(attribute) = group_by {
            rendering.scalar(attribute);
        }
        let group = rendering.taken();
        let (mut terms, mut others) = (Vec::new(), Vec::new());
        terms_of::<D>(predicate, &mut terms, &mut others);
        // The first one has the order: rather one of a value that few have.
        terms.sort_by_key(|term| of_few_values(term.attribute.value_type));
        for (number, term) in (1..).zip(terms) {
            rendering.join(number, term);
        }
        let joins = rendering.taken();
        if let Some(token) = place {
            rendering.behind(place_of(&joins), token);
        }
        rendering.text("r.namespace_id = ");
        rendering.parameter(D::namespace(namespace_id));
        let stands = rendering.taken();
        rendering.chain(&others, Rendering::<D>::AND, Nulls::NotTrue);
        let Rendering { sql: filter, arguments, .. } = rendering;
        Self { group, joins, stands, filter, arguments }
    }

    /// A statement, with this for its `{group}`, `{joins}`, `{stands}` and `{filter}`, which stand there in this order
    /// and before every other parameter: `{first}` and `{second}`, which are bound behind the condition's. `{place}` is
    /// the row whose place in the default order is the record's.
    pub(crate) fn complete(&self, statement: &str) -> String {
        let next = self.arguments.len();
        let with_parameters =
            statement.replace("{first}", &D::mark(next + 1)).replace("{second}", &D::mark(next + 2));
        let with_place = with_parameters.replace("{place}", place_of(&self.joins));
        let with_group = with_place.replace("{group}", &self.group).replace("{joins}", &self.joins);
        with_group.replace("{stands}", &self.stands).replace("{filter}", &self.filter)
    }
}

/// The row whose place in the default order is the record's: that of an attribute, where one is joined, so that the
/// index of its values has the order.
fn place_of(joins: &str) -> &'static str {
    if joins.is_empty() { "r" } else { "d1" }
}

/// What a record must have to be found: a search attribute with one value, of which it has one row.
struct Term<'p, D: Dialect> {
    attribute: &'p Attribute,
    name: &'p str,
    key: D::Argument,
}

/// The terms of a filter, and the rest of it.
fn terms_of<'p, D: Dialect>(
    predicate: &'p Predicate,
    terms: &mut Vec<Term<'p, D>>,
    others: &mut Vec<&'p Predicate>,
) {
    let term = match predicate {
        Predicate::And(operands) => {
            return operands.iter().for_each(|operand| terms_of(operand, terms, others));
        }
        Predicate::Compare { attribute, op: CompareOp::Equal, value } => {
            term(attribute, std::slice::from_ref(value))
        }
        Predicate::In { attribute, negated: false, values } => term(attribute, values),
        _ => None,
    };
    match term {
        Some(term) if terms.len() < MAX_JOINS => terms.push(term),
        _ => others.push(predicate),
    }
}

fn term<'p, D: Dialect>(attribute: &'p Attribute, values: &[Value]) -> Option<Term<'p, D>> {
    let Field::Search(name) = &attribute.field else { return None };
    let [key] = <[D::Argument; 1]>::try_from(keys::<D>(attribute, values)).ok()?;
    Some(Term { attribute, name, key })
}

/// Whether attributes of this type have few values by their nature, or the same for most runs.
fn of_few_values(value_type: AttributeType) -> bool {
    matches!(value_type, AttributeType::Bool | AttributeType::KeywordList)
}

struct Rendering<D: Dialect> {
    sql: String,
    arguments: Vec<D::Argument>,
    /// Rows and sets so far.
    joined: usize,
    namespace_id: Uuid,
    dialect: PhantomData<D>,
}

/// How operands are combined: the word between them, and what none of them are.
type Combination = (&'static str, &'static str);

impl<D: Dialect> Rendering<D> {
    const AND: Combination = (" AND ", D::TRUE);
    const OR: Combination = (" OR ", D::FALSE);

    /// What has been written since the last time.
    fn taken(&mut self) -> String {
        std::mem::take(&mut self.sql)
    }

    fn text(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    fn parameter(&mut self, argument: D::Argument) {
        self.arguments.push(argument);
        self.sql.push_str(&D::mark(self.arguments.len()));
    }

    /// That a record stands behind a place, and AND.
    fn behind(&mut self, place: &str, token: &PageToken) {
        let _ = write!(self.sql, "({place}.close_rank, {place}.start_rank, {place}.record_id) > (");
        self.parameter(D::number(!token.close_order()));
        self.text(", ");
        self.parameter(D::number(!token.start_time));
        self.text(", ");
        self.parameter(D::record_id(&token.id));
        self.text(") AND ");
    }

    /// Joins the rows of a search attribute with one value.
    fn join(&mut self, number: usize, term: Term<'_, D>) {
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
    fn chain<P: std::borrow::Borrow<Predicate>>(
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
    fn scalar(&mut self, attribute: &Attribute) {
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
fn keys<D: Dialect>(attribute: &Attribute, values: &[Value]) -> Vec<D::Argument> {
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
pub(crate) mod tests {
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

    /// Panics where a filter of many terms gives a planner many joins.
    pub(crate) fn joins_are_few<D: Dialect>() {
        let term = |number: usize| {
            let attribute = Attribute::search(format!("A{number}"), AttributeType::Keyword);
            let values = ["x", "y"].map(|text| Value::Keyword(text.to_owned()));
            Predicate::In { attribute, negated: false, values: values[..1 + number % 2].to_vec() }
        };
        let condition = Condition::<D>::new(&Predicate::And((0..40).map(term).collect()), Uuid::nil());
        let text = condition.complete("{joins} WHERE {stands} {filter}");
        let joined = text.matches("JOIN attribute").count() + text.matches("IN (SELECT").count();
        assert_eq!(joined, MAX_JOINS, "{text}");
        assert!(text.matches("THEN").count() >= 40 - MAX_JOINS, "{text}");
    }

    /// Panics where a value becomes text.
    pub(crate) fn values_are_parameters_and_never_text<D: Dialect>() {
        let evil = "x' OR 1 --";
        let attribute = Attribute::search(evil, AttributeType::Keyword);
        let value = || Value::Keyword(evil.to_owned());
        let all = Predicate::And(vec![
            Predicate::Compare { attribute: attribute.clone(), op: CompareOp::Equal, value: value() },
            Predicate::Compare { attribute: attribute.clone(), op: CompareOp::Less, value: value() },
            Predicate::In { attribute: attribute.clone(), negated: false, values: vec![value(), value()] },
            Predicate::In { attribute: attribute.clone(), negated: true, values: vec![value(), value()] },
            Predicate::Between { attribute: attribute.clone(), negated: false, low: value(), high: value() },
            Predicate::StartsWith { attribute: attribute.clone(), negated: true, prefix: evil.to_owned() },
            Predicate::IsNull { attribute, negated: false },
        ]);
        for predicate in [Predicate::Not(Box::new(all.clone())), all] {
            let condition = Condition::<D>::new(&predicate, Uuid::nil());
            let mut rest = &condition.complete("{joins} {stands} {filter}")[..];
            assert!(!rest.contains("OR 1"), "{rest}");
            for number in 1..=condition.arguments.len() {
                let mark = D::mark(number);
                rest = rest.split_once(&mark).unwrap_or_else(|| panic!("{mark} in {rest}")).1;
            }
            assert!(!rest.contains(['?', '$']), "{rest}");
        }
    }
}
