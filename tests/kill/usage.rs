//! What the cell wrote about its usage.

use crate::acknowledged::{Acknowledged, Kind as Call};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, StorageClass};
use metering_rules::Totals;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What all shards wrote.
#[derive(Debug, Default)]
pub struct Usage {
    /// Actions by type.
    pub actions: Totals,
    /// Bytes of open runs' histories that are left.
    pub active_bytes: i64,
    /// Bytes of closed ones.
    pub retained_bytes: i64,
}

/// The sums over all shards, each log row once: objects of several lives may overlap, and must leave no gap.
pub fn total(objects: PathBuf) -> Usage {
    let mut usage = Usage::default();
    let mut shards: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut files = Vec::new();
    walk(&objects.join("usage"), &mut files);
    for file in files {
        // A shard's folder holds one of each day.
        let shard = file.ancestors().nth(2).expect("in a folder").to_owned();
        shards.entry(shard).or_default().push(file);
    }
    for (shard, mut files) in shards {
        files.sort();
        // Log rows count from one.
        let mut watermark = 1;
        for file in files {
            let object =
                usage_object::decode(std::fs::read(&file).expect("readable").into()).expect("a usage object");
            assert!(
                object.from_seq <= watermark,
                "{}: a gap before row {}",
                shard.display(),
                object.from_seq
            );
            for positioned in object.entries.iter().filter(|entry| entry.seq >= watermark) {
                let entry = positioned.entry.as_ref().expect("an entry");
                usage.add(entry.kind.as_ref().expect("a kind"));
            }
            watermark = watermark.max(object.to_seq);
        }
    }
    usage
}

impl Usage {
    fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::Actions(actions) => {
                let action = ActionType::try_from(actions.r#type).expect("a known type");
                *self.actions.entry(action).or_default() += actions.count;
            }
            Kind::Storage(delta) => match delta.class() {
                StorageClass::Active => self.active_bytes += delta.bytes,
                StorageClass::Retained => self.retained_bytes += delta.bytes,
                StorageClass::Unspecified => panic!("storage of no class: {delta:?}"),
            },
        }
    }
}

/// Queries leave no trace in a history, and their count is not waited for: a crash loses what it meets, in the tenant's
/// favour. So no more are counted than were asked, and most of those that were answered.
pub fn add_queries(expected: &mut Totals, found: &Totals, acknowledged: &Acknowledged) {
    let counted = found.get(&ActionType::QueryWorkflow).copied().unwrap_or_default();
    let (answered, asked) = (acknowledged.count(Call::Query) as u64, acknowledged.queries_sent as u64);
    assert!((answered / 2..=asked).contains(&counted), "{counted} queries of {asked}, {answered} answered");
    expected.insert(ActionType::QueryWorkflow, counted);
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the cell wrote usage").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
}
