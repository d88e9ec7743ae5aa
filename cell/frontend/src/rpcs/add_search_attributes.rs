use crate::errors;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use crate::schema;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::IndexedValueType;
use atoll_api::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, AddSearchAttributesResponse,
};
use cell_visibility::{AttributeType, CustomLimits, Schema, SchemaError};
use std::sync::Arc;

/// Adds custom search attributes to a namespace of a lone cell. An attribute that exists with the same type is left as
/// it is; all are added or none.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: AddSearchAttributesRequest,
) -> Result<AddSearchAttributesResponse, Status> {
    if request.search_attributes.is_empty() {
        return Err(Status::invalid_argument("SearchAttributes are not set on request."));
    }
    if request.namespace.is_empty() {
        return Err(Status::invalid_argument("Namespace is not set on request."));
    }
    frontend.admit(&request.namespace)?;
    let writer = frontend.ports.namespace_writer.as_ref().ok_or_else(errors::managed_namespaces)?;

    let _one_change_at_a_time = frontend.namespace_changes.lock().await;
    let namespace = frontend.named(&request.namespace)?;
    let mut schema = schema::of(&namespace);
    for (name, number) in &request.search_attributes {
        add(&mut schema, name, *number)?;
    }
    let mut spec = namespace.spec.clone();
    spec.search_attributes = schema.custom().map(|(name, kind)| (name.to_owned(), kind.number())).collect();
    if spec == namespace.spec {
        return Ok(AddSearchAttributesResponse {});
    }
    spec.generation += 1;
    let changed = Arc::new(Namespace { id: namespace.id, name: Arc::clone(&namespace.name), spec });
    writer.write(Arc::clone(&changed)).await?;
    frontend.namespaces.put(changed);
    Ok(AddSearchAttributesResponse {})
}

/// Registers one attribute by the rules of visibility.
fn add(schema: &mut Schema, name: &str, number: i32) -> Result<(), Status> {
    let kind = match IndexedValueType::try_from(number) {
        Ok(_) => AttributeType::from_number(number).ok_or_else(|| {
            let text = "Unable to create search attributes: cannot have more than 0 search attribute of type Unspecified.";
            Status::invalid_argument(text)
        })?,
        Err(_) => return Err(Status::invalid_argument(format!("Unknown search attribute type: {number}."))),
    };
    schema.register(name, kind, &CustomLimits::default()).map_err(|error| match error {
        SchemaError::Exists { .. } => Status::already_exists(error.to_string()),
        SchemaError::TooMany { .. } => {
            Status::invalid_argument(format!("Unable to create search attributes: {error}"))
        }
        SchemaError::Reserved(_) | SchemaError::BadName(_) | SchemaError::Unknown(_) => {
            Status::invalid_argument(error.to_string())
        }
    })
}
