//! Search attributes of a namespace, as visibility knows them.

use crate::frontend::Frontend;
use crate::large_answer::SLICE;
use crate::namespaces::Namespace;
use crate::ports::BadSearchAttributes;
use crate::validate::size;
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::common::v1::SearchAttributes;
use atoll_internal_api::values::Values;
use cell_visibility::{
    AttributeError, AttributeLimits, AttributeType, SYSTEM, Schema, check_search_attributes, name_types,
    predefined,
};
use std::cell::LazyCell;
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

/// The namespace has no attribute of that name.
pub(crate) fn unmapped(namespace: &Namespace, name: &str) -> String {
    format!("Namespace {} has no mapping defined for search attribute {name}", namespace.name)
}

/// The attributes that every namespace has, with the numbers of their types.
pub(crate) fn built_in() -> BTreeMap<String, i32> {
    let system = SYSTEM.iter().map(|(name, _, kind)| (*name, *kind));
    let predefined = predefined().map(|attribute| (attribute.name, attribute.value_type));
    system.chain(predefined).map(|(name, kind)| (name.to_owned(), kind.number())).collect()
}

impl Frontend {
    /// Checks names, types and sizes of the search attributes of a workflow, and makes their types explicit. The error
    /// is what is wrong with them.
    pub(crate) fn settle_search_attributes(
        &self,
        namespace: &Namespace,
        attributes: Option<&mut SearchAttributes>,
    ) -> Result<(), String> {
        match attributes.filter(|it| !it.indexed_fields.is_empty()) {
            Some(attributes) => self.settle_by(&of(namespace), namespace, attributes),
            None => Ok(()),
        }
    }

    fn settle_by(
        &self,
        schema: &Schema,
        namespace: &Namespace,
        attributes: &mut SearchAttributes,
    ) -> Result<(), String> {
        let limits = AttributeLimits {
            keys: self.config.search_attributes,
            value_bytes: self.config.search_attribute_bytes,
            total_bytes: self.config.search_attributes_bytes,
        };
        if attributes.has_too_many() {
            return Err(size::too_many_values("SearchAttributes"));
        }
        check_search_attributes(attributes, schema, &limits).map_err(|error| match &error {
            AttributeError::Unknown(name) => unmapped(namespace, name),
            AttributeError::Value { name, value_type, .. } => {
                let value = attributes.indexed_fields.get(name).map(|payload| payload.data.as_ref());
                let value = String::from_utf8_lossy(value.unwrap_or_default());
                let value = value.trim_matches('"');
                format!("invalid value for search attribute {name} of type {value_type}: {value}")
            }
            _ => error.to_string(),
        })?;
        name_types(attributes, schema);
        Ok(())
    }

    /// As [`settle_search_attributes`](Self::settle_search_attributes), for those that commands carry, up to the first
    /// that is wrong: its answer fails there. Other calls go on in between, as while the commands are decoded.
    pub(crate) async fn settle_commands(
        &self,
        namespace: &Namespace,
        commands: &mut [Command],
    ) -> Option<BadSearchAttributes> {
        // As large as the namespace has attributes: made once for all commands, and for none where none needs it.
        let schema = LazyCell::new(|| of(namespace));
        for (index, command) in commands.iter_mut().enumerate() {
            if index > 0 && index.is_multiple_of(SLICE) {
                tokio::task::yield_now().await;
            }
            let Some(attributes) = carried(command).filter(|it| !it.indexed_fields.is_empty()) else {
                continue;
            };
            if let Err(complaint) = self.settle_by(&schema, namespace, attributes) {
                return Some(BadSearchAttributes { index, complaint });
            }
        }
        None
    }
}

/// The search attributes that a command carries.
fn carried(command: &mut Command) -> Option<&mut SearchAttributes> {
    match command.attributes.as_mut()? {
        Attributes::UpsertWorkflowSearchAttributesCommandAttributes(a) => a.search_attributes.as_mut(),
        Attributes::StartChildWorkflowExecutionCommandAttributes(a) => a.search_attributes.as_mut(),
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(a) => a.search_attributes.as_mut(),
        _ => None,
    }
}
