use std::fmt;
use std::marker::PhantomData;

/// A service and its unary methods.
#[derive(Debug)]
pub struct ServiceInfo {
    /// Full protobuf name: `temporal.api.workflowservice.v1.WorkflowService`.
    pub name: &'static str,
    /// Unary methods, each at its own index.
    pub methods: &'static [MethodInfo],
}

impl ServiceInfo {
    /// The method of that name: `StartWorkflowExecution`.
    pub fn method(&self, name: &str) -> Option<&'static MethodInfo> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// Whether `method` is an entry of this service's own table.
    pub fn owns(&self, method: &'static MethodInfo) -> bool {
        self.methods.get(method.index).is_some_and(|own| std::ptr::eq(own, method))
    }
}

/// A unary method as its descriptor says. Compared by address: there is one table per service.
#[derive(Debug)]
pub struct MethodInfo {
    /// Position in [`ServiceInfo::methods`].
    pub index: usize,
    /// Full name of the service.
    pub service: &'static str,
    /// Name within the service: `StartWorkflowExecution`.
    pub name: &'static str,
    /// Path on the wire: `/service/method`.
    pub path: &'static str,
    /// Full name of the request message.
    pub request: &'static str,
    /// Full name of the response message.
    pub response: &'static str,
    /// Number of the request's `namespace` string field, where it has one; see [`string_field`](super::string_field).
    pub namespace_field: Option<u32>,
    /// REST bindings, the main one first; empty where the contract has none.
    pub routes: &'static [Route],
}

/// One HTTP binding of a method.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub verb: &'static str,
    /// The path template as published; for people.
    pub template: &'static str,
    /// The same, parsed. Variables are known by position, so equal shapes never conflict over names.
    pub segments: &'static [Segment],
    /// What the body of the HTTP request holds.
    pub body: Body,
}

/// One part of a path between slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this text.
    Literal(&'static str),
    /// Any one segment, which becomes the value of this field path (`execution.workflow_id`) of the request.
    Variable(&'static str),
}

/// What the body of a HTTP request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing: fields come from path and query.
    None,
    /// The whole request message.
    Whole,
    /// This field of the request message.
    Field(&'static str),
}

/// A method with its message types, for typed clients.
pub struct Method<Request, Response> {
    info: &'static MethodInfo,
    types: PhantomData<fn(Request) -> Response>,
}

impl<Request, Response> Method<Request, Response> {
    /// Pairs a method with its types. For generated code, which knows them.
    pub const fn new(info: &'static MethodInfo) -> Self {
        Self { info, types: PhantomData }
    }

    /// What the descriptor says of the method.
    pub const fn info(self) -> &'static MethodInfo {
        self.info
    }
}

impl<Request, Response> Clone for Method<Request, Response> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Request, Response> Copy for Method<Request, Response> {}

impl<Request, Response> fmt::Debug for Method<Request, Response> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.path)
    }
}
