//! A filter whose names and types are settled.

use super::expr::CompareOp;
use crate::{
    schema::{Attribute, Field, SystemField},
    text::words,
    value::Value,
};

/// A typed filter: what engines render or evaluate. Nothing in it can be wrong any more, if it comes from
/// [`crate::compile`]; who builds one by hand keeps to the rules of each variant.
///
/// Tests of a null attribute are unknown, and combine as in SQL; see the crate's page.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// All of these; of none, true.
    And(Vec<Self>),
    /// Any of these; of none, false.
    Or(Vec<Self>),
    /// Not this; unknown stays unknown.
    Not(Box<Self>),
    /// A comparison, by the attribute's type:
    /// - Keyword, bytewise, with `Value::Keyword`; ExecutionStatus only `=` and `!=`, with its canonical name;
    /// - KeywordList, `=` and `!=` only, with `Value::Keyword`: has or lacks the member;
    /// - Text, `=` and `!=` only, with `Value::Text`: shares a word or none ([`crate::text_tokens`]);
    /// - Int and Double, with `Value::Int` or `Value::Double`, by exact numeric value;
    /// - Datetime with `Value::Datetime`;
    /// - Bool, `=` and `!=` only, with `Value::Bool`.
    Compare {
        /// What is compared.
        attribute: Attribute,
        /// How.
        op: CompareOp,
        /// With what.
        value: Value,
    },
    /// `= ` with any of the values; of every type but Text and Bool.
    In {
        /// What is looked up.
        attribute: Attribute,
        /// NOT IN.
        negated: bool,
        /// Where; never empty.
        values: Vec<Value>,
    },
    /// Within both bounds, which belong to it; of Keyword, Int, Double and Datetime.
    Between {
        /// What is compared.
        attribute: Attribute,
        /// NOT BETWEEN.
        negated: bool,
        /// The least.
        low: Value,
        /// The greatest.
        high: Value,
    },
    /// A Keyword that begins with these bytes.
    StartsWith {
        /// What is compared.
        attribute: Attribute,
        /// NOT STARTS_WITH.
        negated: bool,
        /// With what it begins.
        prefix: String,
    },
    /// The record lacks the attribute; never unknown.
    IsNull {
        /// What is looked for.
        attribute: Attribute,
        /// IS NOT NULL.
        negated: bool,
    },
}

impl Predicate {
    /// Everything.
    pub fn all() -> Self {
        Self::And(Vec::new())
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::And(mut first), Self::And(second)) => {
                first.extend(second);
                Self::And(first)
            }
            (Self::And(mut first), second) => {
                first.push(second);
                Self::And(first)
            }
            (first, Self::And(mut second)) => {
                second.insert(0, first);
                Self::And(second)
            }
            (first, second) => Self::And(vec![first, second]),
        }
    }

    /// A comparison of a system attribute; the value follows the rules of [`Predicate::Compare`].
    pub fn compare(field: SystemField, op: CompareOp, value: Value) -> Self {
        Self::Compare { attribute: Attribute::system(field), op, value }
    }

    /// Only the records of a division.
    pub fn division(name: &str) -> Self {
        Self::compare(SystemField::NamespaceDivision, CompareOp::Equal, Value::Keyword(name.to_owned()))
    }

    /// Only the records without a division: the user's workflows.
    pub fn no_division() -> Self {
        Self::IsNull { attribute: Attribute::system(SystemField::NamespaceDivision), negated: false }
    }

    /// Words of all that it compares with texts.
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::And(operands) | Self::Or(operands) => operands.iter().map(Self::words).sum(),
            Self::Not(operand) => operand.words(),
            Self::Compare { value: Value::Text(text), .. } => words(text).count(),
            Self::Compare { .. }
            | Self::In { .. }
            | Self::Between { .. }
            | Self::StartsWith { .. }
            | Self::IsNull { .. } => 0,
        }
    }

    /// Whether the filter mentions a field.
    pub fn mentions(&self, field: &Field) -> bool {
        match self {
            Self::And(operands) | Self::Or(operands) => operands.iter().any(|of| of.mentions(field)),
            Self::Not(operand) => operand.mentions(field),
            Self::Compare { attribute, .. }
            | Self::In { attribute, .. }
            | Self::Between { attribute, .. }
            | Self::StartsWith { attribute, .. }
            | Self::IsNull { attribute, .. } => attribute.field == *field,
        }
    }
}
