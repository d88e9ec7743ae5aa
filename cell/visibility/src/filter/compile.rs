//! Text to a typed filter.

use super::{
    error::FilterError,
    expr::{CompareOp, Condition, Expr, Test},
    parser::{MAX_FILTER_VALUES, Query, parse},
    predicate::Predicate,
    typed::{operator_allowed, typed_value},
};
use crate::{
    schema::{Attribute, Field, Resolved, Schema, SystemField},
    value::{AttributeType, Value},
};

/// Which records a filter is about, beside what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The user's workflows, unless the filter mentions `TemporalNamespaceDivision`.
    Default,
    /// The records of one division.
    Division(&'a str),
}

/// What a count asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct CountQuery {
    /// Which records.
    pub predicate: Predicate,
    /// By what they are counted apart.
    pub group_by: Option<Attribute>,
}

/// Compiles the filter of a list. Empty text asks for everything in the scope.
pub fn compile(text: &str, schema: &Schema, scope: Scope<'_>) -> Result<Predicate, FilterError> {
    let query = parse(text)?;
    if !query.group_by.is_empty() {
        return Err(FilterError::NotSupported("'GROUP BY' clause in a list".to_owned()));
    }
    predicate(&query, schema, scope)
}

/// Compiles the filter of a count, which may end with GROUP BY and one attribute of few values.
pub fn compile_count(text: &str, schema: &Schema, scope: Scope<'_>) -> Result<CountQuery, FilterError> {
    let query = parse(text)?;
    let predicate = predicate(&query, schema, scope)?;
    let group_by = match query.group_by.as_slice() {
        [] => None,
        [name] => Some(group_attribute(name, schema)?),
        _ => return Err(FilterError::NotSupported("'GROUP BY' clause with more than one field".to_owned())),
    };
    Ok(CountQuery { predicate, group_by })
}

fn group_attribute(name: &str, schema: &Schema) -> Result<Attribute, FilterError> {
    let attribute = resolve(name, schema)?.attribute;
    let few_values = match &attribute.field {
        Field::System(field) => {
            matches!(field, SystemField::ExecutionStatus | SystemField::NamespaceDivision)
        }
        Field::Search(name) => {
            name.starts_with("TemporalLowCardinalityKeyword")
                && attribute.value_type == AttributeType::Keyword
        }
    };
    if few_values {
        return Ok(attribute);
    }
    Err(FilterError::NotSupported(
        "'GROUP BY' clause is only supported for ExecutionStatus, TemporalNamespaceDivision and low cardinality keywords"
            .to_owned(),
    ))
}

fn predicate(query: &Query, schema: &Schema, scope: Scope<'_>) -> Result<Predicate, FilterError> {
    if !query.order_by.is_empty() {
        return Err(FilterError::NotSupported("'order by' clause".to_owned()));
    }
    let filter = match &query.filter {
        Some(expr) => typed(expr, schema)?,
        None => Predicate::all(),
    };
    if filter.words() > MAX_FILTER_VALUES {
        return Err(FilterError::TooLarge { what: "number of words", limit: MAX_FILTER_VALUES });
    }
    Ok(match scope {
        Scope::Division(name) => Predicate::division(name).and(filter),
        Scope::Default if filter.mentions(&Field::System(SystemField::NamespaceDivision)) => filter,
        Scope::Default => Predicate::no_division().and(filter),
    })
}

fn typed(expr: &Expr, schema: &Schema) -> Result<Predicate, FilterError> {
    let all = |operands: &[Expr]| operands.iter().map(|of| typed(of, schema)).collect::<Result<Vec<_>, _>>();
    Ok(match expr {
        Expr::And(operands) => Predicate::And(all(operands)?),
        Expr::Or(operands) => Predicate::Or(all(operands)?),
        Expr::Not(operand) => Predicate::Not(Box::new(typed(operand, schema)?)),
        Expr::Condition(condition) => typed_condition(condition, schema)?,
    })
}

fn typed_condition(condition: &Condition, schema: &Schema) -> Result<Predicate, FilterError> {
    let name = &condition.attribute;
    let resolved = resolve(name, schema)?;
    if !operator_allowed(&resolved.attribute, &condition.test) {
        return Err(FilterError::Operator {
            operator: operator(&condition.test),
            value_type: resolved.attribute.value_type,
            attribute: name.clone(),
        });
    }
    let value = |literal| typed_value(name, &resolved, literal);
    let attribute = resolved.attribute.clone();
    Ok(match &condition.test {
        Test::Compare(op, literal) => Predicate::Compare { attribute, op: *op, value: value(literal)? },
        Test::In { negated, values } => {
            let values = values.iter().map(value).collect::<Result<_, _>>()?;
            Predicate::In { attribute, negated: *negated, values }
        }
        Test::Between { negated, low, high } => {
            Predicate::Between { attribute, negated: *negated, low: value(low)?, high: value(high)? }
        }
        Test::StartsWith { negated, prefix } => match value(prefix)? {
            Value::Keyword(prefix) => Predicate::StartsWith { attribute, negated: *negated, prefix },
            other => unreachable!("a Keyword attribute has keyword constants, not {other:?}"),
        },
        Test::IsNull { negated } => Predicate::IsNull { attribute, negated: *negated },
    })
}

fn resolve(name: &str, schema: &Schema) -> Result<Resolved, FilterError> {
    schema.resolve(name).ok_or_else(|| FilterError::UnknownAttribute(name.to_owned()))
}

/// The operator as it is written.
fn operator(test: &Test) -> &'static str {
    let either = |negated: &bool, plain, not| if *negated { not } else { plain };
    match test {
        Test::Compare(op, _) => CompareOp::symbol(*op),
        Test::In { negated, .. } => either(negated, "IN", "NOT IN"),
        Test::Between { negated, .. } => either(negated, "BETWEEN", "NOT BETWEEN"),
        Test::StartsWith { negated, .. } => either(negated, "STARTS_WITH", "NOT STARTS_WITH"),
        Test::IsNull { negated } => either(negated, "IS NULL", "IS NOT NULL"),
    }
}
