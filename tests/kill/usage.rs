//! What the cell wrote about its usage.

use atoll_internal_api::usage::v1::ActionType;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use metering_rules::Totals;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Actions by type over all shards, each log row once: objects of several lives may overlap, and must leave no gap.
pub fn total(objects: PathBuf) -> Totals {
    let mut totals = Totals::new();
    let mut shards: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut files = Vec::new();
    walk(&objects.join("usage"), &mut files);
    for file in files {
        shards.entry(file.parent().expect("in a folder").to_owned()).or_default().push(file);
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
                if let Some(Kind::Actions(actions)) =
                    positioned.entry.as_ref().and_then(|entry| entry.kind.as_ref())
                {
                    let action = ActionType::try_from(actions.r#type).expect("a known type");
                    *totals.entry(action).or_default() += actions.count;
                }
            }
            watermark = watermark.max(object.to_seq);
        }
    }
    totals
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
