use std::fmt::Write;

use anyhow::Context;
use atoll_internal_api::cell::v1::{
    QuarantinedEntity, ShowQuarantinedRequest, ShowQuarantinedResponse, StoredEntity, cell_admin,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::entity::{self, EntityArgs, kind, printable, shown_id};
use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;
use crate::client::time::shown;

/// Shows one entity that a cell keeps aside, with what is stored of it.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    cell: CellAdminArgs,
    #[command(flatten)]
    entity: EntityArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl ShowArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let cell = self.cell.connect()?;
        let entity = self.entity.find(&cell).await?;
        let request = ShowQuarantinedRequest { entity: Some(entity) };
        let answer = cell.call(cell_admin::SHOW_QUARANTINED, &request).await?;
        let ShowQuarantinedResponse { entity, stored } = answer;
        let entity = entity.context("the cell names no entity in its answer")?;
        self.output.print(|| text(&entity, stored.as_ref()), || Ok(as_json(&entity, stored.as_ref())))
    }
}

fn text(entity: &QuarantinedEntity, stored: Option<&StoredEntity>) -> String {
    let mut lines = vec![
        ("Kind", kind(entity.kind)),
        ("Id", printable(&entity.id)),
        ("Run", shown_id(&entity.run_id)),
        ("Namespace", shown_id(&entity.namespace_id)),
        ("Shard", entity.shard.to_string()),
        ("Since", shown(entity.since.as_ref())),
    ];
    if entity.needs_log_from > 0 {
        lines.push(("Log", format!("rows of the shard from {} on are kept for it", entity.needs_log_from)));
    }
    match stored {
        None => lines.push(("Stored", "nothing but what the log holds".to_owned())),
        Some(stored) => {
            let StoredEntity { snapshot, chunks, chunk_bytes, log_row, log_record, billed_bytes, .. } =
                stored;
            let size = match chunks {
                0 => format!("{} bytes", snapshot.len()),
                _ => format!("{} bytes and {chunks} chunks of {chunk_bytes} bytes", snapshot.len()),
            };
            lines.push(("Stored", format!("{size}, as of log row {log_row}, record {log_record}")));
            lines.push(("Closed", if stored.closed { "yes" } else { "no" }.to_owned()));
            lines.push(("Wakes", shown(stored.wake_time.as_ref())));
            lines.push(("Deleted at", shown(stored.delete_time.as_ref())));
            lines.push(("Billed", format!("{billed_bytes} bytes of history")));
        }
    }
    let mut text = String::new();
    for (title, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(text, "{title:<11}{value}").expect("a text takes it");
    }
    text.push('\n');
    for line in entity.why.lines() {
        writeln!(text, "{}", printable(line)).expect("a text takes it");
    }
    text
}

fn as_json(entity: &QuarantinedEntity, stored: Option<&StoredEntity>) -> Value {
    let stored = stored.map(|stored| {
        json!({
            "snapshot": BASE64_STANDARD.encode(&stored.snapshot),
            "chunks": stored.chunks,
            "chunkBytes": stored.chunk_bytes,
            "logRow": stored.log_row,
            "logRecord": stored.log_record,
            "wakeTime": entity::time(stored.wake_time.as_ref()),
            "closed": stored.closed,
            "deleteTime": entity::time(stored.delete_time.as_ref()),
            "billedBytes": stored.billed_bytes,
        })
    });
    json!({ "entity": entity::json(entity), "stored": stored })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_id_nor_reason_moves_the_cursor() {
        let entity = QuarantinedEntity {
            id: "a\u{1b}[1Ab\rc".to_owned(),
            why: "a panic\n\u{1b}]0;x\u{7} at line 3".to_owned(),
            ..QuarantinedEntity::default()
        };
        let text = text(&entity, None);
        assert!(text.contains("Id         a\\u{1b}[1Ab\\rc\n"), "{text}");
        assert!(text.ends_with("\na panic\n\\u{1b}]0;x\\u{7} at line 3\n"), "{text}");
        assert!(!text.contains(|it: char| it.is_control() && it != '\n'), "{text}");
    }
}
