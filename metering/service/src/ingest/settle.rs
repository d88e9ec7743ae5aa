//! What becomes of the rows of an incarnation that was replaced.
//!
//! Once it is known that a state took the place of an incarnation's, all objects of the incarnation are looked through
//! once more. When everything that is there is in, what its rows stored is settled: in one transaction for each shard,
//! in which the shard remembers what is done. Before that no hour of what came after is complete. What comes later
//! still is settled as it is taken in.

use super::objects::{Begin, PAGE, next_page, note_waiting};
use super::{Ingest, IngestError, Memory, meters};
use crate::completeness::{Manifest, Progress};
use crate::decision::{Verdict, retired};
use crate::ledger::Turned;
use crate::lineage::{Fate, Origin};

impl Ingest {
    /// Settles a shard, if that can be done already.
    pub(super) async fn settle(
        &self,
        manifest: &Manifest,
        origin: &Origin,
        progress: &Progress,
        memory: &mut Memory,
    ) -> Result<(), IngestError> {
        let name = &origin.name;
        let known = progress.shards.iter().find(|shard| {
            (&shard.cell_id, shard.incarnation, shard.shard) == (&name.cell_id, name.incarnation, name.shard)
        });
        let (before, after) =
            (known.map(|shard| shard.fate.clone()).unwrap_or_default(), progress.fate(manifest, name.shard));
        let mut watermark = known.map_or(origin.first_row, |shard| shard.watermark);
        let begin = Begin::everywhere(retired(&progress.decisions, &name.cell_id, name.incarnation));
        let gap = self.walk_through(origin, &mut watermark, &begin, true, memory).await?;
        // The restored cell has yet to write what it holds of the replaced one's rows.
        let gap = gap.or(Some(after.keeps()).filter(|keeps| watermark < *keeps));
        meters::gap(name, gap.is_some());
        note_waiting(name, watermark, gap, memory);
        let prefix = usage_object::shard_prefix(&name.cell_id, name.incarnation, name.shard);
        let waits = gap.is_some() || memory.refused.of(&prefix).next().is_some();
        if waits {
            return Ok(());
        }
        let Some(turned) = self.turned(origin, progress, before, after, watermark).await? else {
            return Ok(());
        };
        if self.store.settle(origin, watermark, &turned).await? {
            tracing::info!(
                cell_id = name.cell_id,
                incarnation = %name.incarnation,
                shard = name.shard,
                "usage of a log that was replaced is settled"
            );
        }
        Ok(())
    }

    /// Reads again what is in of rows that count differently now; none where some of it cannot be read.
    async fn turned(
        &self,
        origin: &Origin,
        progress: &Progress,
        before: Fate,
        after: Fate,
        watermark: u64,
    ) -> Result<Option<Turned>, IngestError> {
        let name = &origin.name;
        let given_up = |row: u64| {
            progress
                .decisions
                .iter()
                .filter(|decision| decision.is_of(&name.cell_id, name.incarnation))
                .find_map(|decision| match decision.verdict {
                    Verdict::Skipped { shard, from_seq, to_seq, .. } => {
                        (shard == name.shard && (from_seq..to_seq).contains(&row)).then_some(to_seq)
                    }
                    Verdict::Retired { .. } | Verdict::Lost { .. } => None,
                })
        };
        let mut turned = Turned::new(origin.began_ms, before, after);
        let mut row = turned.first_row().map_or(watermark, |row| row.max(origin.first_row));
        let prefix = usage_object::shard_prefix(&name.cell_id, name.incarnation, name.shard);
        let (mut after, mut begun) = (None, row);
        while row < watermark {
            let keys = self.objects.list(&prefix, after.as_deref(), PAGE).await?;
            for key in &keys {
                while let Some(next) = given_up(row) {
                    row = next;
                }
                let Some((from, to)) = usage_object::parse_key(key) else { continue };
                if !(from <= row && row < to && row < watermark) {
                    continue;
                }
                let Ok(Some(object)) = self.read_object(key).await? else { continue };
                let is_new = |seq: u64| (row..watermark).contains(&seq) && given_up(seq).is_none();
                if turned.add(&object, is_new).is_ok() {
                    row = to;
                }
            }
            after = next_page(&keys);
            if after.is_none() && row == begun {
                break;
            }
            // What follows may be listed before: see `Begin::everywhere`.
            if after.is_none() {
                begun = row;
            }
        }
        while let Some(next) = given_up(row) {
            row = next;
        }
        if row >= watermark {
            return Ok(Some(turned));
        }
        tracing::warn!(
            cell_id = name.cell_id,
            incarnation = %name.incarnation,
            shard = name.shard,
            row,
            "an object of a log that was replaced is needed again, and cannot be read; its hours wait for it"
        );
        Ok(None)
    }
}
