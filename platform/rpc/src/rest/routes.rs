use std::collections::{BTreeMap, BTreeSet};

use atoll_api::call::{MethodInfo, Route, Segment, ServiceInfo};

use crate::dispatch::DispatcherError;

/// All routes as a tree of path segments.
#[derive(Default)]
pub(crate) struct Routes {
    root: Node,
}

#[derive(Default)]
struct Node {
    literals: BTreeMap<&'static str, Node>,
    variable: Option<Box<Node>>,
    bindings: Vec<Binding>,
}

/// A route and the method it leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) route: &'static Route,
    pub(crate) method: &'static MethodInfo,
}

/// What a path leads to.
pub(crate) enum Found<'p> {
    /// A method, and the raw segments for the route's variables in order.
    Method(Binding, Vec<&'p str>),
    /// A resource that takes these HTTP methods only.
    OtherVerb(BTreeSet<&'static str>),
    /// Nothing.
    Nothing,
}

impl Routes {
    /// The routes of the given services. Two that match the same requests are refused.
    pub(crate) fn of(services: &[&'static ServiceInfo]) -> Result<Self, DispatcherError> {
        let mut routes = Self::default();
        for method in services.iter().flat_map(|service| service.methods) {
            for route in method.routes {
                routes.insert(Binding { route, method })?;
            }
        }
        Ok(routes)
    }

    fn insert(&mut self, binding: Binding) -> Result<(), DispatcherError> {
        let Route { verb, template, segments, .. } = *binding.route;
        let node = segments.iter().fold(&mut self.root, |node, segment| match segment {
            Segment::Literal(text) => node.literals.entry(text).or_default(),
            Segment::Variable(_) => node.variable.get_or_insert_default(),
        });
        if node.bindings.iter().any(|other| other.route.verb == verb) {
            return Err(DispatcherError::DuplicateRoute { verb, template });
        }
        node.bindings.push(binding);
        Ok(())
    }

    /// Looks a path up. A literal wins over a variable, segment by segment from the left, where both lead somewhere.
    pub(crate) fn find<'p>(&self, verb: &str, path: &'p str) -> Found<'p> {
        let Some(path) = path.strip_prefix('/') else { return Found::Nothing };
        let segments: Vec<&str> = path.split('/').collect();
        let mut search = Search { verb, variables: Vec::new(), other_verbs: BTreeSet::new() };
        match search.visit(&self.root, &segments) {
            Some(binding) => Found::Method(binding, search.variables),
            None if search.other_verbs.is_empty() => Found::Nothing,
            None => Found::OtherVerb(search.other_verbs),
        }
    }
}

struct Search<'v, 'p> {
    verb: &'v str,
    variables: Vec<&'p str>,
    /// The verbs under which the path leads to something.
    other_verbs: BTreeSet<&'static str>,
}

impl<'p> Search<'_, 'p> {
    fn visit(&mut self, node: &Node, segments: &[&'p str]) -> Option<Binding> {
        let Some((first, rest)) = segments.split_first() else {
            let binding = node.bindings.iter().find(|binding| binding.route.verb == self.verb).copied();
            self.other_verbs.extend(node.bindings.iter().map(|binding| binding.route.verb));
            return binding;
        };
        if let Some(literal) = node.literals.get(first)
            && let Some(binding) = self.visit(literal, rest)
        {
            return Some(binding);
        }
        let variable = node.variable.as_ref().filter(|_| !first.is_empty())?;
        self.variables.push(first);
        let found = self.visit(variable, rest);
        if found.is_none() {
            self.variables.pop();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::temporal::api::cloud::cloudservice::v1::cloud_service;
    use atoll_api::temporal::api::operatorservice::v1::operator_service;
    use atoll_api::temporal::api::workflowservice::v1::workflow_service;

    use super::*;

    fn all() -> Routes {
        Routes::of(&[&workflow_service::SERVICE, &operator_service::SERVICE, &cloud_service::SERVICE])
            .unwrap()
    }

    #[test]
    fn every_published_route_leads_to_its_own_method() {
        let routes = all();
        for service in [&workflow_service::SERVICE, &operator_service::SERVICE, &cloud_service::SERVICE] {
            for method in service.methods {
                for route in method.routes {
                    let path: String = route
                        .segments
                        .iter()
                        .map(|segment| match segment {
                            Segment::Literal(text) => format!("/{text}"),
                            Segment::Variable(name) => format!("/<{name}>"),
                        })
                        .collect();
                    let Found::Method(binding, variables) = routes.find(route.verb, &path) else {
                        panic!("{} {path} leads nowhere", route.verb)
                    };
                    assert!(
                        std::ptr::eq(binding.method, method),
                        "{} {path}: {}",
                        route.verb,
                        binding.method.path
                    );
                    let count = route.segments.iter().filter(|s| matches!(s, Segment::Variable(_))).count();
                    assert_eq!(variables.len(), count);
                }
            }
        }
    }

    #[test]
    fn other_verbs_and_other_paths_are_told_apart() {
        let routes = all();
        let others = |verb, path| match routes.find(verb, path) {
            Found::OtherVerb(verbs) => verbs.into_iter().collect::<Vec<_>>(),
            _ => panic!("{verb} {path}"),
        };
        assert_eq!(others("DELETE", "/api/v1/system-info"), ["GET"]);
        assert_eq!(others("PUT", "/cloud/namespaces/a.b"), ["DELETE", "GET", "POST"]);
        for nothing in ["/", "", "/api/v1/system-info/", "/api/v1/namespaces//workflows", "/nowhere"] {
            assert!(matches!(routes.find("GET", nothing), Found::Nothing), "{nothing:?}");
        }
    }

    #[test]
    fn routes_of_one_shape_are_refused() {
        let twice = Routes::of(&[&operator_service::SERVICE, &operator_service::SERVICE]);
        assert!(matches!(twice, Err(DispatcherError::DuplicateRoute { .. })));
    }
}
