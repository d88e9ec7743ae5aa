//! Namespaces that the configuration names, over several starts of the same cell.

use crate::fixture::{Cell, Driver, Engine, Site, named};
use atoll_api::temporal::api::operatorservice::v1::{
    ListSearchAttributesRequest, operator_service as operator,
};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::NamespaceSpec;
use std::collections::BTreeMap;

const KEYWORD: i32 = 2;
const INT: i32 = 3;

fn with(attributes: &[(&str, i32)]) -> NamespaceSpec {
    let search_attributes = attributes.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    NamespaceSpec { search_attributes, ..named("default") }
}

async fn attributes(cell: &Cell, namespace: &str) -> BTreeMap<String, i32> {
    let request = ListSearchAttributesRequest { namespace: namespace.to_owned() };
    cell.call(operator::LIST_SEARCH_ATTRIBUTES, request).await.expect("listed").custom_attributes
}

async fn id(cell: &Cell, namespace: &str) -> String {
    let request = wf::DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() };
    cell.call(rpc::DESCRIBE_NAMESPACE, request).await.expect("described").namespace_info.expect("info").id
}

fn set(site: &mut Site, namespaces: Vec<NamespaceSpec>) {
    site.config.namespaces = namespaces;
}

#[tokio::test]
async fn what_is_missing_is_added_and_nothing_is_taken_away() {
    for engine in Engine::all() {
        let mut site = Site::new(engine);
        set(&mut site, vec![with(&[("Customer", KEYWORD)])]);
        let cell = site.start().await;
        let first = id(&cell, "default").await;
        Driver::new(&cell, "kept").start().await;

        let mut site = cell.crash().await;
        set(&mut site, vec![with(&[("Amount", INT)]), named("second")]);
        let cell = site.start().await;
        assert_eq!(id(&cell, "default").await, first);
        let held = attributes(&cell, "default").await;
        assert_eq!(held, [("Customer".to_owned(), KEYWORD), ("Amount".to_owned(), INT)].into());
        assert!(!id(&cell, "second").await.is_empty());
        Driver::new(&cell, "kept").describe().await;

        // Once more the same: nothing to do, also after it was stored.
        let cell = cell.crash().await.start().await;
        assert_eq!(attributes(&cell, "default").await, held);
        cell.crash().await;
    }
}

#[tokio::test]
async fn another_type_stops_the_start_and_changes_nothing() {
    for engine in Engine::all() {
        let mut site = Site::new(engine);
        set(&mut site, vec![with(&[("Customer", KEYWORD)])]);
        let cell = site.start().await;
        let mut site = cell.crash().await;
        for (wanted, why) in [
            (with(&[("Amount", INT), ("Customer", INT)]), "search attribute Customer of namespace default: "),
            (
                with(&[("ExecutionStatus", KEYWORD)]),
                "search attribute ExecutionStatus of namespace default: ",
            ),
            (with(&[("Odd", 99)]), "search attribute Odd of namespace default: 99 is no type"),
        ] {
            set(&mut site, vec![wanted]);
            let Err((back, error)) = site.try_start().await else { panic!("{why}") };
            assert!(error.starts_with(why), "{error}");
            site = back;
        }
        set(&mut site, vec![with(&[("Customer", KEYWORD)])]);
        let cell = site.start().await;
        assert_eq!(attributes(&cell, "default").await, [("Customer".to_owned(), KEYWORD)].into());
        cell.crash().await;
    }
}
