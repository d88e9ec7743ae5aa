use std::fmt::Write;

use super::Subject;

/// The server interface, one method per RPC with UNIMPLEMENTED as its default.
///
/// The signatures are what `#[async_trait]` makes of `async fn method(&self, ctx: &CallContext, request: Request)`, so
/// implementations use that macro; writing them out keeps a few hundred default bodies cheap to compile.
pub(super) fn emit(service: &Subject<'_>, out: &mut String) {
    let (call, name, module) = (service.call, service.name, service.module());
    write!(
        out,
        "/// Server side of `{}`. Implement it with `#[async_trait]`: each method is\n\
         /// `async fn name(&self, ctx: &CallContext, request: Request) -> Result<Response, Status>`.\n\
         pub trait {name}: Send + Sync + 'static {{\n",
        service.full_name
    )
    .expect("writing to a string");
    for (index, method) in service.unary.iter().enumerate() {
        let (rust, request, response) =
            (&method.rust.name, &method.rust.input_type, &method.rust.output_type);
        write!(
            out,
            "    fn {rust}<'life0, 'life1, 'async_trait>(\n\
             \x20       &'life0 self,\n\
             \x20       _ctx: &'life1 {call}::CallContext,\n\
             \x20       _request: {request},\n\
             \x20   ) -> {call}::BoxFuture<'async_trait, Result<{response}, {call}::Status>>\n\
             \x20   where\n\
             \x20       'life0: 'async_trait,\n\
             \x20       'life1: 'async_trait,\n\
             \x20       Self: 'async_trait,\n\
             \x20   {{\n\
             \x20       {call}::not_implemented(&{module}::METHODS[{index}])\n\
             \x20   }}\n"
        )
        .expect("writing to a string");
    }
    out.push_str("}\n");
}
