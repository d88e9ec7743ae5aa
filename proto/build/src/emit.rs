//! Rust code for one service: the typed trait, and a module with its dispatch function and tables.

mod module;
mod typed_trait;

use std::collections::HashMap;

use prost_build::{Service, ServiceGenerator};

use crate::model::Methods;

/// Appends each service's code to its package's module.
pub(crate) struct ServiceEmitter {
    call: String,
    services: HashMap<String, Methods>,
}

impl ServiceEmitter {
    pub(crate) fn new(call_path: &str, services: HashMap<String, Methods>) -> Self {
        Self { call: call_path.to_owned(), services }
    }
}

impl ServiceGenerator for ServiceEmitter {
    fn generate(&mut self, service: Service, buf: &mut String) {
        let full_name = format!("{}.{}", service.package, service.proto_name);
        let methods = &self.services[&full_name];
        // Streaming methods have no typed form: the transport serves the few there are (health, reflection) itself.
        let unary: Vec<Unary<'_>> = service
            .methods
            .iter()
            .filter(|method| !method.client_streaming && !method.server_streaming)
            .map(|method| Unary { rust: method, facts: &methods[&method.proto_name] })
            .collect();
        let service = Subject { call: &self.call, full_name, name: &service.proto_name, unary };
        typed_trait::emit(&service, buf);
        module::emit(&service, buf);
    }
}

/// A service about to be written.
struct Subject<'a> {
    /// Path of the serving types.
    call: &'a str,
    /// Full protobuf name.
    full_name: String,
    /// Trait name.
    name: &'a str,
    unary: Vec<Unary<'a>>,
}

/// One unary method: what prost-build resolved, and what the descriptor says.
struct Unary<'a> {
    rust: &'a prost_build::Method,
    facts: &'a crate::model::Method,
}

impl Subject<'_> {
    /// Name of the module beside the trait.
    fn module(&self) -> String {
        snake(self.name)
    }
}

/// `WorkflowService` as `workflow_service`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// A path that prost-build resolved for the package's module, as seen from a module inside it.
fn from_inside(path: &str) -> String {
    if path.starts_with("::") || path.starts_with("crate::") || path.starts_with('(') {
        path.to_owned()
    } else {
        format!("super::{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_move_one_module_inwards() {
        assert_eq!(from_inside("StartRequest"), "super::StartRequest");
        assert_eq!(from_inside("super::super::common::v1::Memo"), "super::super::super::common::v1::Memo");
        assert_eq!(from_inside("::prost_types::Timestamp"), "::prost_types::Timestamp");
        assert_eq!(from_inside("crate::RawHistory"), "crate::RawHistory");
        assert_eq!(from_inside("()"), "()");
    }

    #[test]
    fn module_names_are_snake_case() {
        assert_eq!(snake("WorkflowService"), "workflow_service");
        assert_eq!(snake("Health"), "health");
    }
}
