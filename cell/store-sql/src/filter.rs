//! Filters as SQL: texts of ours only, every value a bound parameter.
//!
//! What the engines share. Each keeps a row of a record, `r`, with its place in the default order (`close_rank`,
//! `start_rank`, `record_id`, all ascending), and beside it rows of its search attributes, `a`: one for each value, for
//! each member of a list and for each word of a text. Those of one value stand in an index in the default order.

mod rendering;

use cell_visibility::{
    Attribute, AttributeType, CompareOp, Field, PageToken, Predicate, RecordId, SystemField, Value,
};
use rendering::{Nulls, Rendering, keys};
use uuid::Uuid;

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
        let mut rendering = Rendering::<D>::new(namespace_id);
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
        let (filter, arguments) = rendering.done();
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

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
