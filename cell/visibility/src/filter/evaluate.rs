//! What a typed filter means: the reference that every engine agrees with.

use std::{borrow::Cow, cmp::Ordering};

use super::{expr::CompareOp, predicate::Predicate};
use crate::{record::VisibilityRecord, schema::Attribute, text::text_matches, value::Value};

impl Predicate {
    /// Whether the filter finds the record: true, and neither false nor unknown.
    pub fn matches(&self, record: &VisibilityRecord) -> bool {
        self.evaluate(record) == Some(true)
    }

    /// True, false, or unknown where nulls leave it open.
    fn evaluate(&self, record: &VisibilityRecord) -> Option<bool> {
        match self {
            Self::And(operands) => combine(operands, record, false),
            Self::Or(operands) => combine(operands, record, true),
            Self::Not(operand) => operand.evaluate(record).map(|found| !found),
            Self::Compare { attribute, op, value } => compare(read(attribute, record)?.as_ref(), *op, value),
            Self::In { attribute, negated, values } => {
                let held = read(attribute, record)?;
                let found = values.iter().any(|value| compare(&held, CompareOp::Equal, value) == Some(true));
                Some(found != *negated)
            }
            Self::Between { attribute, negated, low, high } => {
                let held = read(attribute, record)?;
                let above = compare(&held, CompareOp::GreaterOrEqual, low)?;
                let below = compare(&held, CompareOp::LessOrEqual, high)?;
                Some((above && below) != *negated)
            }
            Self::StartsWith { attribute, negated, prefix } => match read(attribute, record)?.as_ref() {
                Value::Keyword(text) => Some(text.starts_with(prefix) != *negated),
                _ => None,
            },
            Self::IsNull { attribute, negated } => Some(read(attribute, record).is_none() != *negated),
        }
    }
}

/// AND (decided by false) or OR (decided by true).
fn combine(operands: &[Predicate], record: &VisibilityRecord, decisive: bool) -> Option<bool> {
    let mut known = true;
    for operand in operands {
        match operand.evaluate(record) {
            Some(found) if found == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

/// The attribute's value, where the record has one of the attribute's type: a custom attribute may have been
/// registered anew with another type.
fn read<'a>(attribute: &Attribute, record: &'a VisibilityRecord) -> Option<Cow<'a, Value>> {
    record.value(&attribute.field).filter(|value| value.value_type() == attribute.value_type)
}

fn compare(held: &Value, op: CompareOp, value: &Value) -> Option<bool> {
    let equality = |equal: bool| match op {
        CompareOp::Equal => Some(equal),
        CompareOp::NotEqual => Some(!equal),
        _ => None,
    };
    match (held, value) {
        (Value::KeywordList(members), Value::Keyword(wanted)) => equality(members.contains(wanted)),
        (Value::Text(text), Value::Text(wanted)) => equality(text_matches(text, wanted)),
        (Value::Bool(held), Value::Bool(wanted)) => equality(held == wanted),
        _ => order(held, value).map(|ordering| holds(op, ordering)),
    }
}

fn holds(op: CompareOp, ordering: Ordering) -> bool {
    match op {
        CompareOp::Equal => ordering.is_eq(),
        CompareOp::NotEqual => ordering.is_ne(),
        CompareOp::Less => ordering.is_lt(),
        CompareOp::LessOrEqual => ordering.is_le(),
        CompareOp::Greater => ordering.is_gt(),
        CompareOp::GreaterOrEqual => ordering.is_ge(),
    }
}

fn order(held: &Value, value: &Value) -> Option<Ordering> {
    match (held, value) {
        (Value::Keyword(held), Value::Keyword(value)) => Some(held.as_bytes().cmp(value.as_bytes())),
        (Value::Int(held), Value::Int(value)) | (Value::Datetime(held), Value::Datetime(value)) => {
            Some(held.cmp(value))
        }
        (Value::Double(held), Value::Double(value)) => held.partial_cmp(value),
        (Value::Int(held), Value::Double(value)) => int_to_double(*held, *value),
        (Value::Double(held), Value::Int(value)) => int_to_double(*value, *held).map(Ordering::reverse),
        _ => None,
    }
}

/// Compares by exact value: casting a large integer to a float would make neighbours equal.
fn int_to_double(int: i64, double: f64) -> Option<Ordering> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= END {
        return Some(Ordering::Less);
    }
    if double < -END {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    let fraction = 0.0_f64.partial_cmp(&(double - whole))?;
    Some(int.cmp(&(whole as i64)).then(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_exactly() {
        use Ordering::{Equal, Greater, Less};
        const BIG: i64 = 1 << 60;
        for (int, double, expected) in [
            (2, 2.0, Equal),
            (2, 2.5, Less),
            (-2, -2.5, Greater),
            (BIG + 1, BIG as f64, Greater),
            (i64::MAX, 9_223_372_036_854_775_808.0, Less),
            (i64::MIN, -9_223_372_036_854_775_808.0, Equal),
            (i64::MIN, -1e300, Greater),
        ] {
            assert_eq!(int_to_double(int, double), Some(expected), "{int} {double}");
        }
        assert_eq!(int_to_double(1, f64::NAN), None);
    }
}
