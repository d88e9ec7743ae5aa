//! The columns of an entry.

use atoll_internal_api::usage::v1::UsageObject;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;
use prost::Message;
use std::sync::{Arc, LazyLock};

/// Metadata key of the encoded object without its entries, as hexadecimal text.
pub(crate) const HEADER: &str = "atoll.usage.header";
/// Metadata key of the checksum of the whole object, as hexadecimal text. Pages carry none of their own.
pub(crate) const CHECKSUM: &str = "atoll.usage.crc32c";
/// Metadata key of the format version.
pub(crate) const FORMAT: &str = "atoll.usage.format";
/// The version that this code writes, and the newest that it reads.
pub(crate) const FORMAT_VERSION: &str = "1";

/// Columns in file order. Who a namespace belongs to is repeated in every row, for people and their query engines.
pub(crate) static SCHEMA: LazyLock<TypePtr> = LazyLock::new(|| {
    let schema = "message usage {
        REQUIRED INT64 seq;
        REQUIRED INT32 index;
        REQUIRED INT64 at_ms;
        REQUIRED BYTE_ARRAY namespace_id (UTF8);
        REQUIRED BYTE_ARRAY namespace (UTF8);
        REQUIRED BYTE_ARRAY account_id (UTF8);
        REQUIRED BYTE_ARRAY project_id (UTF8);
        OPTIONAL BYTE_ARRAY action_type (UTF8);
        OPTIONAL INT64 count;
        OPTIONAL BYTE_ARRAY storage_class (UTF8);
        OPTIONAL INT64 bytes_delta;
        REQUIRED BYTE_ARRAY tags (UTF8);
    }";
    Arc::new(parse_message_type(schema).expect("the schema is constant and valid"))
});

/// `action_type` of an action, without prefix and in lower case.
pub(crate) fn short(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_ascii_lowercase()
}

/// The enum name behind a short one.
pub(crate) fn long(name: &str, prefix: &str) -> String {
    format!("{prefix}{}", name.to_ascii_uppercase())
}

pub(crate) const ACTION: &str = "ACTION_TYPE_";
pub(crate) const STORAGE: &str = "STORAGE_CLASS_";

/// CRC-32C of the object as a message: what was written is what is read, whatever the file went through.
pub(crate) fn checksum(object: &UsageObject) -> String {
    format!("{:08x}", crc32c::crc32c(&object.encode_to_vec()))
}
