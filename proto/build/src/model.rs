//! What the emitters need to know about a service, read from the resolved descriptors.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, MethodDescriptor};

use crate::Error;
use crate::http_rule::{self, Route};

/// The methods of one service by their protobuf name.
pub(crate) type Methods = HashMap<String, Method>;

/// What the descriptor says of a method beyond its Rust types.
pub(crate) struct Method {
    /// Number of the request's own `namespace` string field: the gateway routes by it.
    pub(crate) namespace_field: Option<u32>,
    /// REST bindings, the main one first.
    pub(crate) routes: Vec<Route>,
}

/// Every service of the pool by full name.
pub(crate) fn services(pool: &DescriptorPool) -> Result<HashMap<String, Methods>, Error> {
    let mut services = HashMap::new();
    for service in pool.services() {
        let methods: Result<Methods, Error> =
            service.methods().map(|method| Ok((method.name().to_owned(), read(pool, &method)?))).collect();
        services.insert(service.full_name().to_owned(), methods?);
    }
    Ok(services)
}

fn read(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Method, Error> {
    Ok(Method { namespace_field: namespace_field(&method.input()), routes: http_rule::routes(pool, method)? })
}

fn namespace_field(request: &MessageDescriptor) -> Option<u32> {
    request
        .get_field_by_name("namespace")
        .filter(|field| field.kind() == Kind::String && !field.is_list())
        .map(|field| field.number())
}
