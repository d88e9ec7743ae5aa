use std::fmt::Write;

use atoll_internal_api::cell::v1::{ListQuarantinedRequest, ListQuarantinedResponse, cell_admin};
use clap::Args;
use serde_json::json;

use super::entity::{self, kind, printable, shown_id};
use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;
use crate::client::table::Table;
use crate::client::time::shown;

/// Shows the entities that a cell keeps aside.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    cell: CellAdminArgs,
    /// Only entities of this id
    #[arg(long)]
    id: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

impl ListArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let request = ListQuarantinedRequest { limit: self.limit, id: self.id.unwrap_or_default() };
        let answer = self.cell.connect()?.call(cell_admin::LIST_QUARANTINED, &request).await?;
        self.output.print(
            || text(&answer),
            || {
                let entities: Vec<_> = answer.entities.iter().map(entity::json).collect();
                Ok(json!({ "entities": entities, "count": answer.count }))
            },
        )
    }
}

fn text(answer: &ListQuarantinedResponse) -> String {
    let mut table = Table::new([">SHARD", "KIND", "NAMESPACE", "ID", "RUN", "SINCE", "WHY"]);
    for entity in &answer.entities {
        table.row([
            entity.shard.to_string(),
            kind(entity.kind),
            shown_id(&entity.namespace_id),
            printable(&entity.id),
            shown_id(&entity.run_id),
            shown(entity.since.as_ref()),
            // A panic may say more than fits a table.
            printable(entity.why.lines().next().unwrap_or_default()),
        ]);
    }
    let mut text = table.to_string();
    if answer.count > answer.entities.len() as u64 {
        let shown = answer.entities.len();
        writeln!(text, "The first {shown} of {}: --limit shows more.", answer.count)
            .expect("a text takes it");
    }
    text
}

#[cfg(test)]
mod tests {
    use atoll_internal_api::cell::v1::QuarantinedEntity;

    use super::*;

    #[test]
    fn neither_ids_nor_reasons_move_the_cursor() {
        let entity = QuarantinedEntity {
            id: "a\u{1b}[1Ab\rc".to_owned(),
            why: "\u{1b}]0;x\u{7} is wrong\nmore".to_owned(),
            ..QuarantinedEntity::default()
        };
        let text = text(&ListQuarantinedResponse { entities: vec![entity], count: 1 });
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r"a\u{1b}[1Ab\rc") && text.contains(r"\u{1b}]0;x\u{7} is wrong"), "{text}");
        assert!(!text.contains("more") && !text.contains(|it: char| it.is_control() && it != '\n'), "{text}");
    }
}
