//! The generated tables against the descriptors.

use std::collections::BTreeSet;

use atoll_internal_api::cell::v1::cell_admin;
use atoll_internal_api::usage::v1::usage_service;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;

#[test]
fn the_set_holds_our_own_files_only() {
    let set = FileDescriptorSet::decode(atoll_internal_api::FILE_DESCRIPTOR_SET).unwrap();
    let foreign: Vec<_> =
        set.file.iter().map(|file| file.name()).filter(|name| !name.starts_with("atoll/")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(set.file.iter().any(|file| file.name() == "atoll/cell/v1/admin.proto"));
}

#[test]
fn the_pool_resolves_our_messages_and_the_published_ones() {
    let pool = atoll_internal_api::descriptor_pool();
    for method in cell_admin::METHODS.iter().chain(&usage_service::METHODS) {
        assert!(pool.get_message_by_name(method.request).is_some(), "{}", method.request);
        assert!(pool.get_message_by_name(method.response).is_some(), "{}", method.response);
    }
    assert!(pool.get_message_by_name("temporal.api.common.v1.Payload").is_some());
}

#[test]
fn no_two_bindings_of_our_own_are_alike() {
    let mut seen = BTreeSet::new();
    for service in
        atoll_internal_api::descriptor_pool().services().filter(|s| s.full_name().starts_with("atoll."))
    {
        for method in service.methods() {
            assert!(!method.is_client_streaming() && !method.is_server_streaming(), "{}", method.full_name());
        }
    }
    for route in usage_service::METHODS.iter().flat_map(|method| method.routes) {
        assert!(seen.insert((route.verb, route.template)), "{} {}", route.verb, route.template);
    }
}
