//! `google.api.http` options as routes.
//!
//! Supported is what the published contracts use: literal segments, `{field.path}` variables that match one segment, no
//! body, a body that is the whole request (`*`) or one of its fields. Anything else stops the build. A variable is
//! known by its position, so two templates of one shape never conflict over a variable's name.

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value};

use crate::Error;

/// One HTTP binding of a method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub(crate) verb: &'static str,
    /// The template as published.
    pub(crate) template: String,
    pub(crate) segments: Vec<Segment>,
    pub(crate) body: Body,
}

/// One part of a path between slashes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    /// Takes one segment as the value of this field of the request.
    Variable(String),
}

/// What the body of the HTTP request is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Whole,
    Field(String),
}

const VERBS: [(&str, &str); 5] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];

/// The routes of a method; none where it has no option.
pub(crate) fn routes(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Vec<Route>, Error> {
    let Some(extension) = pool.get_extension_by_name("google.api.http") else { return Ok(Vec::new()) };
    let options = method.options();
    if !options.has_extension(&extension) {
        return Ok(Vec::new());
    }
    let unsupported = |reason: String| Error::HttpRule { method: method.full_name().to_owned(), reason };
    let rule = options.get_extension(&extension);
    let rule = rule.as_message().ok_or_else(|| unsupported("not a message".to_owned()))?;
    let mut rules = vec![rule.clone()];
    if let Some(more) = rule.get_field_by_name("additional_bindings") {
        rules.extend(more.as_list().into_iter().flatten().filter_map(Value::as_message).cloned());
    }
    rules.iter().map(|rule| route(rule, &method.input()).map_err(unsupported)).collect()
}

fn route(rule: &DynamicMessage, request: &MessageDescriptor) -> Result<Route, String> {
    let (verb, template) = VERBS
        .iter()
        .filter(|(field, _)| rule.has_field_by_name(field))
        .find_map(|(field, verb)| Some((*verb, text(rule, field)?)))
        .ok_or("custom or missing pattern")?;
    if text(rule, "response_body").is_some_and(|field| !field.is_empty()) {
        return Err("response_body".to_owned());
    }
    let body = match text(rule, "body").unwrap_or_default().as_str() {
        "" => Body::None,
        "*" => Body::Whole,
        field if request.get_field_by_name(field).is_some() => Body::Field(field.to_owned()),
        field => return Err(format!("body names the unknown field {field}")),
    };
    let segments = parse(&template)?;
    for segment in &segments {
        if let Segment::Variable(path) = segment {
            check(request, path)?;
        }
    }
    Ok(Route { verb, template, segments, body })
}

fn text(rule: &DynamicMessage, field: &str) -> Option<String> {
    rule.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned))
}

fn parse(template: &str) -> Result<Vec<Segment>, String> {
    let path = template.strip_prefix('/').ok_or_else(|| format!("{template} does not start with a slash"))?;
    path.split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(variable) if variable.contains(['=', '*']) => Err(format!("pattern in variable {variable}")),
            Some(variable) => Ok(Segment::Variable(variable.to_owned())),
            None if segment.contains(['{', '}', '*', ':']) => Err(format!("segment {segment}")),
            None => Ok(Segment::Literal(segment.to_owned())),
        })
        .collect()
}

/// A variable must end in a singular field that one path segment can hold.
fn check(request: &MessageDescriptor, path: &str) -> Result<(), String> {
    let mut message = Some(request.clone());
    for name in path.split('.') {
        let field = message
            .take()
            .and_then(|message| message.get_field_by_name(name))
            .filter(|field| !field.is_list() && !field.is_map())
            .ok_or_else(|| format!("variable {path} names no singular field"))?;
        if let Kind::Message(inner) = field.kind() {
            message = Some(inner);
        }
    }
    if message.is_some() { Err(format!("variable {path} ends in a message")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_variables_alternate() {
        let variable = |path: &str| Segment::Variable(path.to_owned());
        let literal = |text: &str| Segment::Literal(text.to_owned());
        assert_eq!(
            parse("/namespaces/{namespace}/workflows/{execution.workflow_id}").unwrap(),
            [
                literal("namespaces"),
                variable("namespace"),
                literal("workflows"),
                variable("execution.workflow_id")
            ]
        );
    }

    #[test]
    fn what_the_router_does_not_support_is_refused() {
        for template in ["namespaces", "/v1/{name=messages/*}", "/v1/**", "/v1/thing:verb", "/v1/a{b}"] {
            assert!(parse(template).is_err(), "{template}");
        }
    }
}
