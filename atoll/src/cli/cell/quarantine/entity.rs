//! An entity that is kept aside, on the command line: how it is named, and how it looks.

use anyhow::bail;
use atoll_internal_api::cell::v1::{ListQuarantinedRequest, QuarantinedEntity, cell_admin};
use atoll_internal_api::entity::EntityKind;
use atoll_rpc::wire_time;
use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::cell_admin::CellAdminClient;

/// Entities of one answer that a name is looked for in.
const MOST: u32 = 1_000;

/// Which entity. Its id, and as much more as it takes to tell it from others.
#[derive(Debug, Clone, Args)]
pub(super) struct EntityArgs {
    /// Workflow id, or what names the entity otherwise
    #[arg(long)]
    id: String,
    /// Its run
    #[arg(long, value_name = "UUID")]
    run_id: Option<Uuid>,
    /// Its namespace
    #[arg(long, value_name = "UUID")]
    namespace_id: Option<Uuid>,
    /// Number of its kind, as it is shown where several entities have the id
    #[arg(long, value_name = "NUMBER")]
    kind: Option<u32>,
}

impl EntityArgs {
    /// Finds the one entity that is meant; fails where there is none, and where there are several.
    pub(super) async fn find(&self, cell: &CellAdminClient) -> anyhow::Result<QuarantinedEntity> {
        let request = ListQuarantinedRequest { limit: MOST, id: self.id.clone() };
        let mut found = cell.call(cell_admin::LIST_QUARANTINED, &request).await?.entities;
        found.retain(|entity| self.means(entity));
        match found.len() {
            0 => bail!("nothing of that name is kept aside: see `atoll cell quarantine list`"),
            1 => Ok(found.remove(0)),
            _ => {
                let names: Vec<String> = found.iter().map(named).collect();
                bail!(
                    "several entities have that name, so pass --kind, --run-id or --namespace-id too:\n  {}",
                    names.join("\n  ")
                )
            }
        }
    }

    fn means(&self, entity: &QuarantinedEntity) -> bool {
        let is = |wanted: Option<Uuid>, bytes: &[u8]| wanted.is_none_or(|wanted| uuid(bytes) == Some(wanted));
        self.kind.is_none_or(|kind| kind == entity.kind)
            && is(self.run_id, &entity.run_id)
            && is(self.namespace_id, &entity.namespace_id)
    }
}

fn uuid(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

/// An id as text; empty where the entity has none.
pub(super) fn shown_id(bytes: &[u8]) -> String {
    uuid(bytes).filter(|id| !id.is_nil()).map(|id| id.to_string()).unwrap_or_default()
}

/// What a kind is called.
pub(super) fn kind(number: u32) -> String {
    let known = u8::try_from(number).ok().and_then(|number| EntityKind::numbered(number).name());
    known.map_or_else(|| format!("kind {number}"), str::to_owned)
}

/// A text of somebody else's on a terminal: what is no plain character stands as its escape, so that it neither moves
/// the cursor nor changes how others read.
pub(super) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
        shown
    })
}

/// The entity's whole name on one line.
pub(super) fn named(entity: &QuarantinedEntity) -> String {
    let mut name = format!("{} {:?}", kind(entity.kind), entity.id);
    for (flag, id) in [("--run-id", &entity.run_id), ("--namespace-id", &entity.namespace_id)] {
        let id = shown_id(id);
        if !id.is_empty() {
            name.push_str(&format!(" {flag} {id}"));
        }
    }
    format!("{name} --kind {}", entity.kind)
}

/// The entity as JSON, with its ids as text, as the flags take them.
pub(super) fn json(entity: &QuarantinedEntity) -> Value {
    json!({
        "shard": entity.shard,
        "kind": entity.kind,
        "kindName": kind(entity.kind),
        "namespaceId": shown_id(&entity.namespace_id),
        "id": entity.id,
        "runId": shown_id(&entity.run_id),
        "why": entity.why,
        "since": time(entity.since.as_ref()),
        "needsLogFrom": entity.needs_log_from,
    })
}

/// An instant in JSON; null where there is none.
pub(super) fn time(time: Option<&prost_types::Timestamp>) -> Value {
    time.and_then(|time| wire_time::instant(time).ok()).map_or(Value::Null, |time| json!(time.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_is_escaped() {
        let text = "pay \u{1b}[2Jit's \"é\"\\\r\n\t\u{202e}\u{9b}31m";
        assert_eq!(printable(text), "pay \\u{1b}[2Jit's \"é\"\\\\r\\n\\t\\u{202e}\\u{9b}31m");
    }

    #[test]
    fn each_flag_narrows_down_what_is_meant() {
        let entity = QuarantinedEntity {
            kind: 2,
            id: "w".to_owned(),
            namespace_id: Uuid::from_u128(1).as_bytes().to_vec().into(),
            run_id: Uuid::from_u128(2).as_bytes().to_vec().into(),
            ..QuarantinedEntity::default()
        };
        let any = EntityArgs { id: "w".to_owned(), run_id: None, namespace_id: None, kind: None };
        assert!(any.means(&entity));
        for (right, args) in [
            (true, EntityArgs { run_id: Some(Uuid::from_u128(2)), ..any.clone() }),
            (false, EntityArgs { run_id: Some(Uuid::from_u128(1)), ..any.clone() }),
            (true, EntityArgs { namespace_id: Some(Uuid::from_u128(1)), ..any.clone() }),
            (false, EntityArgs { namespace_id: Some(Uuid::from_u128(2)), ..any.clone() }),
            (true, EntityArgs { kind: Some(2), ..any.clone() }),
            (false, EntityArgs { kind: Some(1), ..any }),
        ] {
            assert_eq!(args.means(&entity), right, "{args:?}");
        }
        assert_eq!(
            named(&entity),
            "workflow run \"w\" --run-id 00000000-0000-0000-0000-000000000002 \
             --namespace-id 00000000-0000-0000-0000-000000000001 --kind 2"
        );
    }
}
