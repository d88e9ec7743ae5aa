//! Writing an object.

use crate::UsageObjectError;
use crate::columns::{ACTION, CHECKSUM, FORMAT, FORMAT_VERSION, HEADER, SCHEMA, STORAGE, checksum, short};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{
    ActionType, Attribution, PositionedEntry, StorageClass, UsageEntry, UsageObject,
};
use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use uuid::Uuid;

/// The object as a Parquet file.
pub fn encode(object: &UsageObject) -> Result<Bytes, UsageObjectError> {
    let header = UsageObject { entries: Vec::new(), ..object.clone() };
    let metadata = vec![
        KeyValue::new(FORMAT.to_owned(), FORMAT_VERSION.to_owned()),
        KeyValue::new(HEADER.to_owned(), hexadecimal(&header.encode_to_vec())),
        KeyValue::new(CHECKSUM.to_owned(), checksum(object)),
    ];
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata))
        .build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, Arc::clone(&SCHEMA), Arc::new(properties))?;
    if !object.entries.is_empty() {
        let mut group = writer.next_row_group()?;
        Columns { object, who: attributions(object) }.write(&mut group)?;
        group.close()?;
    }
    writer.close()?;
    Ok(file.into())
}

struct Columns<'a> {
    object: &'a UsageObject,
    who: BTreeMap<&'a [u8], &'a Attribution>,
}

fn attributions(object: &UsageObject) -> BTreeMap<&[u8], &Attribution> {
    object.attributions.iter().map(|who| (who.namespace_id.as_ref(), who)).collect()
}

impl Columns<'_> {
    fn write<W: std::io::Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), UsageObjectError> {
        required::<Int64Type, _>(group, self.of(|entry, _| entry.seq as i64))?;
        required::<Int32Type, _>(group, self.of(|entry, _| entry.index as i32))?;
        required::<Int64Type, _>(group, self.of(|_, usage| usage.at_ms))?;
        let namespace_id = |_: &PositionedEntry, usage: &UsageEntry| {
            let id = Uuid::from_slice(&usage.namespace_id).map(|id| id.to_string()).unwrap_or_default();
            ByteArray::from(id.into_bytes())
        };
        required::<ByteArrayType, _>(group, self.of(namespace_id))?;
        required::<ByteArrayType, _>(group, self.attributed(|who| &who.namespace))?;
        required::<ByteArrayType, _>(group, self.attributed(|who| &who.account_id))?;
        required::<ByteArrayType, _>(group, self.attributed(|who| &who.project_id))?;
        optional::<ByteArrayType, _>(group, self.of(|_, usage| action(usage).map(|(name, _)| name)))?;
        optional::<Int64Type, _>(group, self.of(|_, usage| action(usage).map(|(_, count)| count)))?;
        optional::<ByteArrayType, _>(group, self.of(|_, usage| storage(usage).map(|(name, _)| name)))?;
        optional::<Int64Type, _>(group, self.of(|_, usage| storage(usage).map(|(_, bytes)| bytes)))?;
        required::<ByteArrayType, _>(group, self.tags())
    }

    fn of<T>(&self, value: impl Fn(&PositionedEntry, &UsageEntry) -> T) -> Vec<T> {
        let none = UsageEntry::default();
        self.object.entries.iter().map(|entry| value(entry, entry.entry.as_ref().unwrap_or(&none))).collect()
    }

    /// JSON objects with sorted keys; `{}` where nobody said who the namespace belongs to.
    fn tags(&self) -> Vec<ByteArray> {
        let json = |who: &Attribution| serde_json::to_string(&who.tags).expect("a map of texts is JSON");
        let texts: BTreeMap<&[u8], String> = self.who.iter().map(|(id, who)| (*id, json(who))).collect();
        self.of(|_, usage| {
            let text = texts.get(usage.namespace_id.as_ref()).map_or("{}", String::as_str);
            ByteArray::from(text.as_bytes().to_vec())
        })
    }

    fn attributed(&self, value: impl Fn(&Attribution) -> &String) -> Vec<ByteArray> {
        self.of(|_, usage| {
            let who = self.who.get(usage.namespace_id.as_ref());
            ByteArray::from(who.map(|who| value(who).clone()).unwrap_or_default().into_bytes())
        })
    }
}

fn action(usage: &UsageEntry) -> Option<(ByteArray, i64)> {
    let Some(Kind::Actions(actions)) = &usage.kind else { return None };
    let name = ActionType::try_from(actions.r#type).unwrap_or_default().as_str_name();
    Some((ByteArray::from(short(name, ACTION).into_bytes()), actions.count as i64))
}

fn storage(usage: &UsageEntry) -> Option<(ByteArray, i64)> {
    let Some(Kind::Storage(delta)) = &usage.kind else { return None };
    let name = StorageClass::try_from(delta.class).unwrap_or_default().as_str_name();
    Some((ByteArray::from(short(name, STORAGE).into_bytes()), delta.bytes))
}

fn required<T: DataType, W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: Vec<T::T>,
) -> Result<(), UsageObjectError> {
    column::<T, W>(group, &values, None)
}

fn optional<T: DataType, W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: Vec<Option<T::T>>,
) -> Result<(), UsageObjectError> {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<T::T> = values.into_iter().flatten().collect();
    column::<T, W>(group, &present, Some(&levels))
}

fn column<T: DataType, W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), UsageObjectError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| UsageObjectError::Form("the schema has too few columns".into()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()?;
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String grows");
        text
    })
}
