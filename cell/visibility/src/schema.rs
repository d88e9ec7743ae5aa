//! Which search attributes a namespace has, and what their names mean.

pub(crate) mod builtin;

use std::collections::BTreeMap;

use crate::division;
use crate::value::AttributeType;
use builtin::{PredefinedAttribute, SYSTEM, predefined};

/// Bytes in the name of a custom attribute: it is a key in every record.
const MAX_NAME_BYTES: usize = 255;

/// An attribute with a place of its own in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the attribute of that name")]
pub enum SystemField {
    WorkflowId,
    RunId,
    WorkflowType,
    ExecutionStatus,
    TaskQueue,
    ParentWorkflowId,
    ParentRunId,
    RootWorkflowId,
    RootRunId,
    StartTime,
    ExecutionTime,
    CloseTime,
    HistoryLength,
    /// Nanoseconds.
    ExecutionDuration,
    StateTransitionCount,
    HistorySizeBytes,
    /// `TemporalNamespaceDivision`.
    NamespaceDivision,
}

/// Where a record keeps an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// In a place of its own.
    System(SystemField),
    /// Among the search attributes, under this name.
    Search(String),
}

/// A resolved attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Where records keep it.
    pub field: Field,
    /// Its type.
    pub value_type: AttributeType,
}

impl Attribute {
    /// A system attribute.
    pub fn system(field: SystemField) -> Self {
        let of = SYSTEM.iter().find(|(_, candidate, _)| *candidate == field);
        let value_type = of.expect("every system field is in the table").2;
        Self { field: Field::System(field), value_type }
    }

    /// An attribute among the search attributes of a record.
    pub fn search(name: impl Into<String>, value_type: AttributeType) -> Self {
        Self { field: Field::Search(name.into()), value_type }
    }
}

/// What a name in a filter stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) attribute: Attribute,
    /// Stands before each constant that the attribute is compared with.
    pub(crate) prefix: &'static str,
}

/// Custom attributes that one namespace may register, by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the limit of that type")]
pub struct CustomLimits {
    pub text: usize,
    pub keyword: usize,
    pub int: usize,
    pub double: usize,
    pub bool: usize,
    pub datetime: usize,
    pub keyword_list: usize,
}

impl Default for CustomLimits {
    /// The limits of the original on its SQL stores.
    fn default() -> Self {
        Self { text: 3, keyword: 10, int: 3, double: 3, bool: 3, datetime: 3, keyword_list: 3 }
    }
}

impl CustomLimits {
    fn of(&self, value_type: AttributeType) -> usize {
        match value_type {
            AttributeType::Text => self.text,
            AttributeType::Keyword => self.keyword,
            AttributeType::Int => self.int,
            AttributeType::Double => self.double,
            AttributeType::Bool => self.bool,
            AttributeType::Datetime => self.datetime,
            AttributeType::KeywordList => self.keyword_list,
        }
    }
}

/// Why an attribute cannot be registered or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// INVALID_ARGUMENT.
    #[error("Search attribute {0} is reserved by system.")]
    Reserved(String),
    /// INVALID_ARGUMENT.
    #[error(
        "Search attribute name {0:?} is empty, longer than {MAX_NAME_BYTES} bytes or has a control character."
    )]
    BadName(String),
    /// ALREADY_EXISTS, unless the type is the same one: then it is a repetition.
    #[error("Search attribute {name} already exists with type {existing}.")]
    Exists {
        /// The attribute.
        name: String,
        /// The type that it has.
        existing: AttributeType,
    },
    /// INVALID_ARGUMENT.
    #[error("cannot have more than {limit} search attribute of type {value_type}.")]
    TooMany {
        /// The type.
        value_type: AttributeType,
        /// How many a namespace may have.
        limit: usize,
    },
    /// NOT_FOUND.
    #[error("Search attribute {0} doesn't exist.")]
    Unknown(String),
}

/// The attributes of one namespace: system, predefined, and the registered custom ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    custom: BTreeMap<String, AttributeType>,
}

impl Schema {
    /// A schema without custom attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A schema with these custom attributes, as they were registered: nothing is checked.
    pub fn with_custom<N: Into<String>>(custom: impl IntoIterator<Item = (N, AttributeType)>) -> Self {
        let custom = custom.into_iter().map(|(name, of)| (name.into(), of)).collect();
        Self { custom }
    }

    /// Registers a custom attribute. Registering one again with its type changes nothing.
    pub fn register(
        &mut self,
        name: &str,
        value_type: AttributeType,
        limits: &CustomLimits,
    ) -> Result<(), SchemaError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(SchemaError::BadName(name.to_owned()));
        }
        if is_reserved(name) || division::with_id_attribute(name).is_some() {
            return Err(SchemaError::Reserved(name.to_owned()));
        }
        if let Some(&existing) = self.custom.get(name) {
            let same = existing == value_type;
            return if same { Ok(()) } else { Err(SchemaError::Exists { name: name.to_owned(), existing }) };
        }
        let limit = limits.of(value_type);
        if self.custom.values().filter(|&&of| of == value_type).count() >= limit {
            return Err(SchemaError::TooMany { value_type, limit });
        }
        self.custom.insert(name.to_owned(), value_type);
        Ok(())
    }

    /// Removes a custom attribute. Records keep its values, unseen.
    pub fn remove(&mut self, name: &str) -> Result<(), SchemaError> {
        self.custom.remove(name).map(drop).ok_or_else(|| SchemaError::Unknown(name.to_owned()))
    }

    /// The custom attributes by name.
    pub fn custom(&self) -> impl Iterator<Item = (&str, AttributeType)> {
        self.custom.iter().map(|(name, of)| (name.as_str(), *of))
    }

    /// The type of a settable attribute, and whether clients may set it: a custom or predefined one.
    pub(crate) fn settable(&self, name: &str) -> Option<(AttributeType, bool)> {
        let custom = self.custom.get(name).map(|of| (*of, true));
        custom.or_else(|| predefined_named(name).map(|of| (of.value_type, of.client_writable)))
    }

    /// Whether a filter may name it.
    pub fn knows(&self, name: &str) -> bool {
        self.resolve(name).is_some()
    }

    /// Resolves a name in a filter: custom, then built in, then built in with or without the
    /// prefix `Temporal`, then the ids of divisions.
    pub(crate) fn resolve(&self, name: &str) -> Option<Resolved> {
        let plain = |attribute| Resolved { attribute, prefix: "" };
        if let Some(of) = self.custom.get(name) {
            return Some(plain(Attribute::search(name, *of)));
        }
        let other_form = || match name.strip_prefix("Temporal") {
            Some(short) => builtin_named(short),
            None => builtin_named(&format!("Temporal{name}")),
        };
        if let Some(attribute) = builtin_named(name).or_else(other_form) {
            return Some(plain(attribute));
        }
        division::with_id_attribute(name).map(|kind| Resolved {
            attribute: Attribute::system(SystemField::WorkflowId),
            prefix: kind.workflow_id_prefix,
        })
    }
}

/// Whether no custom attribute may have this name: every namespace has one of it, or might come to have.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("Temporal") || builtin_named(name).is_some()
}

/// Whether the server keeps this name for itself and clients can never set it.
pub(crate) fn is_system(name: &str) -> bool {
    SYSTEM.iter().any(|(system, ..)| *system == name)
}

fn predefined_named(name: &str) -> Option<PredefinedAttribute> {
    predefined().find(|of| of.name == name)
}

fn builtin_named(name: &str) -> Option<Attribute> {
    let system = SYSTEM.iter().find(|(system, ..)| *system == name);
    system
        .map(|(_, field, _)| Attribute::system(*field))
        .or_else(|| predefined_named(name).map(|of| Attribute::search(of.name, of.value_type)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_resolve_in_order() {
        let schema =
            Schema::with_custom([("SchedulePaused", AttributeType::Keyword), ("Own", AttributeType::Int)]);
        let resolved = |name| schema.resolve(name).map(|of| of.attribute);
        assert_eq!(resolved("Own"), Some(Attribute::search("Own", AttributeType::Int)));
        assert_eq!(
            resolved("SchedulePaused"),
            Some(Attribute::search("SchedulePaused", AttributeType::Keyword))
        );
        assert_eq!(resolved("CloseTime"), Some(Attribute::system(SystemField::CloseTime)));
        assert_eq!(resolved("TemporalCloseTime"), resolved("CloseTime"));
        assert_eq!(resolved("NamespaceDivision"), resolved("TemporalNamespaceDivision"));
        let paused = Schema::new().resolve("SchedulePaused").expect("built in").attribute;
        assert_eq!(paused, Attribute::search("TemporalSchedulePaused", AttributeType::Bool));
        assert_eq!(schema.resolve("ScheduleId").expect("known").prefix, "temporal-sys-scheduler:");
        for unknown in ["", "own", "Temporal", "workflowid"] {
            assert_eq!(resolved(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn registration_keeps_names_types_and_limits() {
        let mut schema = Schema::new();
        let limits = CustomLimits::default();
        for reserved in ["TemporalOwn", "WorkflowId", "BuildIds", "ScheduleId"] {
            let refused = schema.register(reserved, AttributeType::Int, &limits);
            assert_eq!(refused, Err(SchemaError::Reserved(reserved.to_owned())));
        }
        assert!(matches!(schema.register("", AttributeType::Int, &limits), Err(SchemaError::BadName(_))));
        for name in ["A", "B", "C", "A"] {
            assert_eq!(schema.register(name, AttributeType::Int, &limits), Ok(()));
        }
        let refused = schema.register("D", AttributeType::Int, &limits);
        assert_eq!(refused, Err(SchemaError::TooMany { value_type: AttributeType::Int, limit: 3 }));
        let refused = schema.register("A", AttributeType::Bool, &limits);
        assert_eq!(refused, Err(SchemaError::Exists { name: "A".into(), existing: AttributeType::Int }));
        assert_eq!(schema.remove("A"), Ok(()));
        assert_eq!(schema.remove("A"), Err(SchemaError::Unknown("A".into())));
        assert_eq!(schema.custom().map(|(name, _)| name).collect::<Vec<_>>(), ["B", "C"]);
    }

    #[test]
    fn every_system_field_is_in_the_table_once() {
        for (name, field, value_type) in SYSTEM {
            assert_eq!(Attribute::system(field).value_type, value_type, "{name}");
            assert!(predefined_named(name).is_none(), "{name}");
            assert_eq!(SYSTEM.iter().filter(|(_, of, _)| *of == field).count(), 1, "{name}");
        }
    }
}
