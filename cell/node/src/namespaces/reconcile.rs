//! Namespaces that the configuration names: they exist once the cell serves, with what is asked for.

use super::CellRecords;
use crate::node::CellError;
use atoll_internal_api::cell::v1::NamespaceSpec;
use bytes::Bytes;
use cell_frontend::namespaces::NamespaceRegistry;
use cell_visibility::{AttributeType, CustomLimits, Schema};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What only a new namespace needs.
pub(crate) struct Fresh {
    pub(crate) id: Uuid,
    pub(crate) create_time: prost_types::Timestamp,
}

/// Makes what is missing: a namespace that the cell does not hold, and search attributes that one of its namespaces
/// lacks. Nothing is taken away and nothing else changes, because clients may have changed it since. A search attribute
/// that has another type, a reserved name or no room is an error, and then nothing of that namespace is written.
pub(crate) async fn reconcile(
    records: &CellRecords,
    registry: &NamespaceRegistry,
    wanted: &NamespaceSpec,
    fresh: impl FnOnce() -> Fresh,
) -> Result<(), CellError> {
    let spec = match registry.by_name(&wanted.name) {
        None => {
            let Fresh { id, create_time } = fresh();
            NamespaceSpec {
                id: Bytes::copy_from_slice(id.as_bytes()),
                generation: 1,
                create_time: Some(create_time),
                search_attributes: merged(&BTreeMap::new(), wanted)?,
                ..wanted.clone()
            }
        }
        Some(held) => {
            let search_attributes = merged(&held.spec.search_attributes, wanted)?;
            if search_attributes == held.spec.search_attributes {
                return Ok(());
            }
            let generation = held.spec.generation + 1;
            NamespaceSpec { generation, search_attributes, ..held.spec.clone() }
        }
    };
    records.put_namespace(spec).await?;
    Ok(())
}

/// The held search attributes with the wanted ones.
fn merged(held: &BTreeMap<String, i32>, wanted: &NamespaceSpec) -> Result<BTreeMap<String, i32>, CellError> {
    let refused = |name: &str, why: String| CellError::SearchAttribute {
        namespace: wanted.name.clone(),
        name: name.to_owned(),
        why,
    };
    let typed = |(name, number): (&String, &i32)| Some((name.clone(), AttributeType::from_number(*number)?));
    let mut schema = Schema::with_custom(held.iter().filter_map(typed));
    for (name, number) in &wanted.search_attributes {
        let kind = AttributeType::from_number(*number)
            .ok_or_else(|| refused(name, format!("{number} is no type of search attributes")))?;
        schema
            .register(name, kind, &CustomLimits::default())
            .map_err(|error| refused(name, error.to_string()))?;
    }
    Ok(schema.custom().map(|(name, kind)| (name.to_owned(), kind.number())).collect())
}
