use std::fmt::Write;

use super::{Subject, Unary, from_inside};
use crate::http_rule::{Body, Route, Segment};

/// The module beside the trait: method constants, tables, `dispatch` and `raw`.
pub(super) fn emit(service: &Subject<'_>, out: &mut String) {
    let full_name = &service.full_name;
    writeln!(out, "/// Methods, routes and dispatch of `{full_name}`.\npub mod {} {{", service.module())
        .unwrap();
    writeln!(out, "use {}::*;", service.call).unwrap();
    constants(service, out);
    tables(service, out);
    dispatch(service, out);
    out.push_str("}\n");
}

/// `START_WORKFLOW_EXECUTION: Method<Request, Response>`, for typed clients.
fn constants(service: &Subject<'_>, out: &mut String) {
    for (index, method) in service.unary.iter().enumerate() {
        let name = method.rust.name.trim_start_matches("r#").to_uppercase();
        let (request, response) =
            (from_inside(&method.rust.input_type), from_inside(&method.rust.output_type));
        writeln!(
            out,
            "/// `{}`.\npub const {name}: Method<{request}, {response}> = Method::new(&METHODS[{index}]);",
            method.rust.proto_name
        )
        .unwrap();
    }
}

fn tables(service: &Subject<'_>, out: &mut String) {
    let full_name = &service.full_name;
    writeln!(
        out,
        "/// The service and its methods.\npub static SERVICE: ServiceInfo = ServiceInfo {{ name: {full_name:?}, methods: \
         &METHODS }};\n/// Its unary methods, in the order of their index.\npub static METHODS: [MethodInfo; {}] = [",
        service.unary.len()
    )
    .unwrap();
    for (index, method) in service.unary.iter().enumerate() {
        let name = &method.rust.proto_name;
        writeln!(
            out,
            "MethodInfo {{ index: {index}, service: {full_name:?}, name: {name:?}, path: {:?}, request: {:?}, response: \
             {:?}, namespace_field: {:?}, routes: &[{}] }},",
            format!("/{full_name}/{name}"),
            method.rust.input_proto_type.trim_start_matches('.'),
            method.rust.output_proto_type.trim_start_matches('.'),
            method.facts.namespace_field,
            routes(method)
        )
        .unwrap();
    }
    out.push_str("];\n");
}

fn routes(method: &Unary<'_>) -> String {
    method.facts.routes.iter().map(route).collect::<Vec<_>>().join(", ")
}

fn route(route: &Route) -> String {
    let segments: Vec<String> = route
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => format!("Segment::Literal({text:?})"),
            Segment::Variable(path) => format!("Segment::Variable({path:?})"),
        })
        .collect();
    let body = match &route.body {
        Body::None => "Body::None".to_owned(),
        Body::Whole => "Body::Whole".to_owned(),
        Body::Field(field) => format!("Body::Field({field:?})"),
    };
    let Route { verb, template, .. } = route;
    format!(
        "Route {{ verb: {verb:?}, template: {template:?}, segments: &[{}], body: {body} }}",
        segments.join(", ")
    )
}

fn dispatch(service: &Subject<'_>, out: &mut String) {
    let name = service.name;
    writeln!(
        out,
        "/// Decodes `body`, calls the method of `service` that `method` names, encodes its answer.\n\
         pub fn dispatch<'a>(service: &'a dyn super::{name}, ctx: &'a CallContext, method: &'static MethodInfo, body: Bytes) \
         -> BoxFuture<'a, Result<Reply, Status>> {{\n\
         if !SERVICE.owns(method) {{ return not_implemented(method); }}\n\
         match method.index {{"
    )
    .unwrap();
    for (index, method) in service.unary.iter().enumerate() {
        writeln!(out, "{index} => unary(body, |request| service.{}(ctx, request)),", method.rust.name)
            .unwrap();
    }
    write!(
        out,
        "_ => not_implemented(method),\n}}\n}}\n\
         struct Raw(::std::sync::Arc<dyn super::{name}>);\n\
         impl RawService for Raw {{\n\
         fn info(&self) -> &'static ServiceInfo {{ &SERVICE }}\n\
         fn call<'a>(&'a self, ctx: &'a CallContext, method: &'static MethodInfo, body: Bytes) -> BoxFuture<'a, \
         Result<Reply, Status>> {{ dispatch(&*self.0, ctx, method, body) }}\n\
         }}\n\
         /// `service` as the dispatcher takes it.\n\
         pub fn raw(service: ::std::sync::Arc<dyn super::{name}>) -> ::std::sync::Arc<dyn RawService> {{ \
         ::std::sync::Arc::new(Raw(service)) }}\n"
    )
    .unwrap();
}
