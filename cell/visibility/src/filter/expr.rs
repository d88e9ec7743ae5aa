//! A filter as it is written, before names and types mean anything.

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl CompareOp {
    /// As it is written in filters, and in SQL.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks for more than equality.
    pub fn is_ordering(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// A constant as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// In single or double quotes.
    String(String),
    /// Digits, maybe with a sign.
    Int(i64),
    /// With a point or an exponent; always finite.
    Double(f64),
    /// `true` or `false`, in any case.
    Bool(bool),
}

/// A filter as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of at least two.
    And(Vec<Self>),
    /// Any of at least two.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// One test of one attribute.
    Condition(Condition),
}

impl Expr {
    /// Adds the attributes that it names, in order.
    pub(crate) fn collect_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::And(operands) | Self::Or(operands) => {
                operands.iter().for_each(|it| it.collect_names(names))
            }
            Self::Not(operand) => operand.collect_names(names),
            Self::Condition(condition) => names.push(&condition.attribute),
        }
    }
}

/// One test of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The attribute's name as it is written, without back-ticks.
    pub attribute: String,
    /// The test.
    pub test: Test,
}

/// What a condition asks of its attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `= value` and the like.
    Compare(CompareOp, Literal),
    /// `IN (value, ...)`, of at least one.
    In {
        /// `NOT IN`.
        negated: bool,
        /// The list.
        values: Vec<Literal>,
    },
    /// `BETWEEN low AND high`, both included.
    Between {
        /// `NOT BETWEEN`.
        negated: bool,
        /// The least.
        low: Literal,
        /// The greatest.
        high: Literal,
    },
    /// `STARTS_WITH value`.
    StartsWith {
        /// `NOT STARTS_WITH`.
        negated: bool,
        /// The prefix.
        prefix: Literal,
    },
    /// `IS NULL`.
    IsNull {
        /// `IS NOT NULL`.
        negated: bool,
    },
}
