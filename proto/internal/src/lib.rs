//! Atoll's own services and durable records.
//!
//! Modules mirror the protobuf packages without the leading `atoll`: `atoll.cell.v1` is [`cell::v1`]. Generated as
//! `atoll-api` is (see there for the shape of messages, traits and tables), whose types stand for the published ones.

pub mod duration;
pub mod entity;
pub mod failure;
pub mod limits;
pub mod retry_policy;
pub mod values;

#[allow(missing_docs, unreachable_pub, unused_imports, rustdoc::all, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}
pub use generated::atoll::*;

/// The encoded `FileDescriptorSet` of our own files; what they import is in `atoll_api::FILE_DESCRIPTOR_SET`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The descriptors of everything in this crate and in `atoll-api`, decoded at first use.
pub fn descriptor_pool() -> &'static prost_reflect::DescriptorPool {
    static POOL: std::sync::LazyLock<prost_reflect::DescriptorPool> = std::sync::LazyLock::new(|| {
        let mut pool = atoll_api::descriptor_pool().clone();
        pool.decode_file_descriptor_set(FILE_DESCRIPTOR_SET).expect("the build script wrote a valid set");
        pool
    });
    &POOL
}
