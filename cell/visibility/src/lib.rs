//! Visibility: the record of an execution or of another entity that lists show, the list-filter language, and the store
//! seam.
//!
//! **Owns** [`VisibilityRecord`], the types of search attributes and the [`Schema`] that names them, the filter
//! language from text to typed tree ([`compile`]), its meaning ([`Predicate::matches`]), the [`VisibilityStore`]
//! trait with its conformance suite, and the memory engine.
//!
//! **Does not own** when a record is written (shards do), SQL (engines compile a [`Predicate`] themselves), or
//! where a namespace's custom search attributes are kept.
//!
//! # From text to rows
//!
//! `parse` turns text into an [`Expr`] that knows nothing of attributes; `compile` resolves names against a
//! schema, checks operators and values against types, adds the default filter, and answers a [`Predicate`] in
//! which nothing can be wrong any more. Engines render or evaluate that.
//!
//! # Null
//!
//! An attribute that a record lacks is null, and every test of it but `IS NULL` is *unknown*, as in SQL: `x != 1`
//! and `NOT x = 1` find no record without `x`. Engines and evaluator agree on this, and the suite checks it.
//!
//! # Names
//!
//! A record is named by its run, or, where it has none, by its kind and id ([`RecordId`]). What is no workflow of the
//! user stands in a *division*, and lists hide it unless a filter mentions divisions.
//!
//! # How to add a system attribute
//!
//! A variant of [`SystemField`], its row in `schema/builtin.rs`, its value in `record.rs`; then the column in
//! each engine.
//!
//! # How to list another kind of entity
//!
//! Its line in [`LISTED`](atoll_internal_api::entity::LISTED), with the search attributes that it brings; the engine's
//! facts of the entity name the division.

#[cfg(feature = "conformance")]
pub mod conformance;
mod division;
mod duration;
mod filter;
mod memory;
mod payload;
mod record;
mod schema;
mod status;
mod store;
mod text;
mod value;

pub use division::workflow_id_prefix;
pub use filter::{
    compile::{CountQuery, Scope, compile, compile_count},
    error::FilterError,
    expr::{CompareOp, Condition, Expr, Literal, Test},
    parser::{MAX_CONDITIONS, MAX_DEPTH, MAX_FILTER_BYTES, MAX_FILTER_VALUES, MAX_NEGATIONS, Query, parse},
    predicate::Predicate,
};
pub use memory::MemoryVisibility;
pub use payload::{
    AttributeError, AttributeLimits, check_search_attributes, decode_search_attributes, decode_value,
    encode_search_attributes, encode_value, name_types,
};
pub use record::{ExecutionRef, RecordId, RecordKey, VisibilityRecord};
pub use schema::{
    Attribute, CustomLimits, Field, Schema, SchemaError, SystemField,
    builtin::{PredefinedAttribute, SYSTEM, predefined},
    is_reserved,
};
pub use status::ExecutionStatus;
pub use store::{
    Count, CountGroup, Deletion, ListRequest, MAX_PAGE, PAGE_BYTES, Page, PageFill, PageToken,
    VisibilityError, VisibilityStore, page_size,
};
pub use text::text_tokens;
pub use value::{AttributeType, Attributes, Value};
