//! Search attributes of a namespace, as visibility knows them.

use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::SearchAttributes;
use cell_visibility::{
    AttributeError, AttributeLimits, AttributeType, PREDEFINED, SYSTEM, Schema, check_search_attributes,
};
use std::collections::BTreeMap;

/// The schema that a namespace's filters and workflows are checked against.
pub(crate) fn of(namespace: &Namespace) -> Schema {
    let custom = namespace
        .spec
        .search_attributes
        .iter()
        .filter_map(|(name, number)| Some((name.clone(), AttributeType::from_number(*number)?)));
    Schema::with_custom(custom)
}

/// The attributes that every namespace has, with the numbers of their types.
pub(crate) fn built_in() -> BTreeMap<String, i32> {
    let system = SYSTEM.iter().map(|(name, _, kind)| (*name, *kind));
    let predefined = PREDEFINED.iter().map(|attribute| (attribute.name, attribute.value_type));
    system.chain(predefined).map(|(name, kind)| (name.to_owned(), kind.number())).collect()
}

impl Frontend {
    /// Checks names, types and sizes of the search attributes of a workflow.
    pub(crate) fn check_search_attributes(
        &self,
        namespace: &Namespace,
        attributes: Option<&SearchAttributes>,
    ) -> Result<(), Status> {
        let Some(attributes) = attributes.filter(|it| !it.indexed_fields.is_empty()) else { return Ok(()) };
        let limits = AttributeLimits {
            keys: self.config.search_attributes,
            value_bytes: self.config.search_attribute_bytes,
            total_bytes: self.config.search_attributes_bytes,
        };
        check_search_attributes(attributes, &of(namespace), &limits).map_err(|error| {
            Status::invalid_argument(match &error {
                AttributeError::Unknown(name) => {
                    format!("Namespace {} has no mapping defined for search attribute {name}", namespace.name)
                }
                AttributeError::Value { name, value_type, .. } => {
                    let value = attributes.indexed_fields.get(name).map(|payload| payload.data.as_ref());
                    let value = String::from_utf8_lossy(value.unwrap_or_default());
                    format!("invalid value for search attribute {name} of type {value_type}: {value}")
                }
                _ => error.to_string(),
            })
        })
    }
}
