//! The list-filter language.

pub(crate) mod compile;
pub(crate) mod error;
mod evaluate;
pub(crate) mod expr;
mod lexer;
pub(crate) mod parser;
pub(crate) mod predicate;
mod print;
mod typed;
