//! What the cell wrote about its usage.

use crate::acknowledged::{Acknowledged, Kind as Call};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, CellManifest, StorageClass, UsageObject};
use bytes::Bytes;
use metering_rules::Totals;
use prost::Message;
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

/// What is billed of a cell that went on from a backup, by the rules of `CellManifest`: each row of an incarnation
/// once, whoever exported it. What the replaced incarnation used behind the restore point is counted as it stands.
#[derive(Debug, Default)]
pub struct Billed {
    /// Of the log as it is now: rows of the replaced incarnation before the new one's first, and the new one's.
    pub standing: Usage,
    /// Of rows that the restored log does not have.
    pub lost: Usage,
}

/// The sums of all objects of a cell with two incarnations.
pub fn billed(objects: &Path) -> Billed {
    let mut files = Vec::new();
    walk_for(&objects.join("cells"), "manifest", &mut files);
    let manifests = files.iter().map(|file| {
        CellManifest::decode(std::fs::read(file).expect("readable").as_slice()).expect("a manifest")
    });
    let mut manifests: Vec<CellManifest> = manifests.collect();
    manifests.sort_by_key(|manifest| manifest.restored_at_ms);
    let [first, second] = &manifests[..] else { panic!("two incarnations: {manifests:?}") };
    assert_eq!(second.replaces, first.incarnation);
    let mut shards: BTreeMap<(Bytes, u32), Vec<UsageObject>> = BTreeMap::new();
    let mut files = Vec::new();
    walk(&objects.join("usage"), &mut files);
    for file in files {
        let bytes = std::fs::read(&file).expect("readable").into();
        let object = usage_object::decode(bytes).expect("a usage object");
        shards.entry((object.incarnation.clone(), object.shard)).or_default().push(object);
    }
    let mut billed = Billed::default();
    for ((incarnation, shard), mut objects) in shards {
        objects.sort_by_key(|object| (object.from_seq, object.to_seq));
        let begin = second.first_seq[shard as usize];
        let is_second = incarnation == second.incarnation;
        assert!(is_second || incarnation == first.incarnation, "an incarnation without a manifest");
        let mut watermark = if is_second { begin } else { 1 };
        for object in objects {
            let (from, to) = (object.from_seq, object.to_seq);
            assert!(from <= watermark, "shard {shard}: a gap before row {from}");
            assert!(!is_second || from >= begin, "shard {shard}: rows from {from} on are not the second's");
            for positioned in object.entries.iter().filter(|entry| entry.seq >= watermark) {
                let usage =
                    if is_second || positioned.seq < begin { &mut billed.standing } else { &mut billed.lost };
                let entry = positioned.entry.as_ref().expect("an entry");
                let kind = entry.kind.as_ref().expect("a kind");
                if let (true, Kind::Storage(delta)) = (is_second, kind) {
                    // What stood before is as the replaced incarnation left it.
                    let (at_ms, began_ms) = (entry.at_ms, second.restored_at_ms);
                    assert!(at_ms >= began_ms, "shard {shard}: {delta:?} at {at_ms}, restored at {began_ms}");
                }
                usage.add(kind);
            }
            watermark = watermark.max(to);
        }
        assert!(is_second || watermark >= begin, "shard {shard}: rows before {begin} are not exported");
    }
    billed
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
    walk_for(folder, ".parquet", files);
}

fn walk_for(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the cell wrote usage").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk_for(&path, ending, files);
        } else if path.to_str().is_some_and(|name| name.ends_with(ending)) {
            files.push(path);
        }
    }
}
