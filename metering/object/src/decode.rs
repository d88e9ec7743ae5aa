//! Reading an object.

use crate::UsageObjectError;
use crate::columns::{ACTION, CHECKSUM, FORMAT, FORMAT_VERSION, HEADER, STORAGE, checksum, long};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{
    ActionType, Actions, PositionedEntry, StorageClass, StorageDelta, UsageEntry, UsageObject,
};
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Row, RowAccessor};
use prost::Message;
use uuid::Uuid;

/// The object in a file. A damaged or foreign file is an error, never a part of an object.
pub fn decode(file: Bytes) -> Result<UsageObject, UsageObjectError> {
    let reader = SerializedFileReader::new(file)?;
    let mut object = header(&reader)?;
    for row in reader.get_row_iter(None)? {
        object.entries.push(entry(&row?)?);
    }
    if value(&reader, CHECKSUM)? != checksum(&object) {
        return Err(form("the checksum does not match: the file is damaged"));
    }
    Ok(object)
}

fn form(what: impl Into<String>) -> UsageObjectError {
    UsageObjectError::Form(what.into())
}

fn value<'a>(reader: &'a SerializedFileReader<Bytes>, key: &str) -> Result<&'a str, UsageObjectError> {
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let pair = pairs.into_iter().flatten().find(|pair| pair.key == key);
    pair.and_then(|pair| pair.value.as_deref()).ok_or_else(|| form(format!("no {key} in the metadata")))
}

fn header(reader: &SerializedFileReader<Bytes>) -> Result<UsageObject, UsageObjectError> {
    let version = value(reader, FORMAT)?;
    if version != FORMAT_VERSION {
        return Err(form(format!("format {version} is not {FORMAT_VERSION}")));
    }
    let bytes = unhexadecimal(value(reader, HEADER)?).ok_or_else(|| form("the header is not hexadecimal"))?;
    UsageObject::decode(Bytes::from(bytes))
        .map_err(|error| form(format!("the header does not decode: {error}")))
}

fn entry(row: &Row) -> Result<PositionedEntry, UsageObjectError> {
    let namespace_id =
        Uuid::parse_str(row.get_string(3)?).map_err(|_| form("a namespace id is not a UUID"))?;
    let kind = if row.is_null_at(7)? {
        let name = long(row.get_string(9)?, STORAGE);
        let class =
            StorageClass::from_str_name(&name).ok_or_else(|| form(format!("storage class {name}")))?;
        Kind::Storage(StorageDelta { class: class as i32, bytes: row.get_long(10)? })
    } else {
        let name = long(row.get_string(7)?, ACTION);
        let action = ActionType::from_str_name(&name).ok_or_else(|| form(format!("action type {name}")))?;
        Kind::Actions(Actions { r#type: action as i32, count: row.get_long(8)? as u64 })
    };
    Ok(PositionedEntry {
        seq: row.get_long(0)? as u64,
        index: row.get_int(1)? as u32,
        entry: Some(UsageEntry {
            namespace_id: Bytes::copy_from_slice(namespace_id.as_bytes()),
            at_ms: row.get_long(2)?,
            kind: Some(kind),
        }),
    })
}

trait NullAt {
    fn is_null_at(&self, column: usize) -> Result<bool, UsageObjectError>;
}

impl NullAt for Row {
    fn is_null_at(&self, column: usize) -> Result<bool, UsageObjectError> {
        let (_, field) =
            self.get_column_iter().nth(column).ok_or_else(|| form("a row has too few columns"))?;
        Ok(matches!(field, parquet::record::Field::Null))
    }
}

fn unhexadecimal(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
