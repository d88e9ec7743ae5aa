//! A filter back to text that parses to the same tree.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    expr::{Condition, Expr, Literal, Test},
    lexer::{is_name, is_reserved},
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(operands) => joined(f, operands, " AND "),
            Self::Or(operands) => joined(f, operands, " OR "),
            Self::Not(operand) => {
                f.write_str("NOT ")?;
                operand_of(f, operand)
            }
            Self::Condition(condition) => condition.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, operands: &[Expr], operator: &str) -> fmt::Result {
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            f.write_str(operator)?;
        }
        operand_of(f, operand)?;
    }
    Ok(())
}

fn operand_of(f: &mut Formatter<'_>, operand: &Expr) -> fmt::Result {
    match operand {
        Expr::And(_) | Expr::Or(_) => write!(f, "({operand})"),
        Expr::Not(_) | Expr::Condition(_) => operand.fmt(f),
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        name(f, &self.attribute)?;
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match &self.test {
            Test::Compare(op, value) => write!(f, " {} {value}", op.symbol()),
            Test::In { negated, values } => {
                write!(f, " {}IN (", not(negated))?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    value.fmt(f)?;
                }
                f.write_char(')')
            }
            Test::Between { negated, low, high } => write!(f, " {}BETWEEN {low} AND {high}", not(negated)),
            Test::StartsWith { negated, prefix } => write!(f, " {}STARTS_WITH {prefix}", not(negated)),
            Test::IsNull { negated } => write!(f, " IS {}NULL", not(negated)),
        }
    }
}

fn name(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    if is_name(name) && !is_reserved(name) {
        f.write_str(name)
    } else {
        write!(f, "`{}`", name.replace('`', "``"))
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Self::Int(number) => number.fmt(f),
            // The debug form always has a point or an exponent.
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Bool(value) => value.fmt(f),
        }
    }
}
