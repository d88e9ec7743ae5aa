//! Snapshots by key.

use super::fixture::*;
use crate::types::*;
use uuid::Uuid;

pub(super) async fn loads_answer_in_order_with_holes(cell: Cell) {
    let (one, two) = (run_key("one", 1), run_key("two", 2));
    let (s, t) = (cell.own(S).await, cell.own(T).await);
    cell.save(Checkpoint { entities: vec![entity(&one, "1")], ..s.slice() }).await;
    cell.save(Checkpoint { entities: vec![entity(&two, "2")], ..t.slice() }).await;
    let wanted = [(T, two.clone()), (S, two.clone()), (S, one.clone()), (T, one.clone()), (T, two.clone())];
    let rows = cell.shards().load(&wanted, usize::MAX).await.expect("load");
    let two = Some(entity(&two, "2"));
    assert_eq!(rows, [two.clone(), None, Some(entity(&one, "1")), None, two]);
}

pub(super) async fn every_column_comes_back_unchanged(mut cell: Cell) {
    let owner = cell.own(S).await;
    let plain = EntityRow {
        key: run_key("plain", 1),
        snapshot: vec![0u8, 255, 10, 0].into(),
        chunks: vec![],
        position: Position { seq: 12, index: 34 },
        wake_at_ms: Some(1_700_000_000_000),
        closed: true,
        delete_at_ms: Some(1_800_000_000_000),
        billed_bytes: 4_321,
    };
    let extreme = EntityRow {
        key: EntityKey {
            kind: EntityKind::CURRENT_RUN,
            namespace_id: Uuid::max(),
            id: "\u{0}'; -- \u{1f980}%_\\".into(),
            run_id: Uuid::nil(),
        },
        snapshot: vec![7; 70_000].into(),
        chunks: vec![
            Chunk { id: ChunkId { collection: 0, bucket: i64::MIN }, data: vec![0u8].into() },
            Chunk { id: ChunkId { collection: u8::MAX, bucket: i64::MAX }, data: vec![9; 70_000].into() },
        ],
        position: Position { seq: (1 << 44) - 1, index: u32::MAX },
        wake_at_ms: Some(i64::MAX),
        closed: false,
        delete_at_ms: Some(i64::MIN),
        billed_bytes: i64::MAX as u64,
    };
    let empty = EntityRow { snapshot: Default::default(), ..entity(&run_key("", 0), "") };
    let rows = vec![plain, extreme, empty];
    cell.save(Checkpoint { entities: rows.clone(), ..owner.slice() }).await;
    cell.restart().await;
    for row in rows {
        assert_eq!(cell.load(S, &row.key).await, Some(row));
    }
}

pub(super) async fn keys_differ_in_every_part(cell: Cell) {
    let base = run_key("workflow", 1);
    let keys = [
        base.clone(),
        EntityKey { kind: EntityKind::CURRENT_RUN, ..base.clone() },
        EntityKey { namespace_id: Uuid::from_u128(8), ..base.clone() },
        EntityKey { id: "Workflow".into(), ..base.clone() },
        EntityKey { id: "workflow ".into(), ..base.clone() },
        EntityKey { run_id: Uuid::from_u128(2), ..base },
    ];
    let owner = cell.own(S).await;
    let rows: Vec<EntityRow> = keys.iter().enumerate().map(|(n, key)| entity(key, &n.to_string())).collect();
    cell.save(Checkpoint { entities: rows.clone(), ..owner.slice() }).await;
    for row in &rows {
        assert_eq!(cell.load(S, &row.key).await.as_ref(), Some(row));
    }
    cell.save(Checkpoint { deleted: vec![keys[0].clone()], ..owner.slice() }).await;
    assert_eq!(cell.load(S, &keys[0]).await, None);
    for row in &rows[1..] {
        assert_eq!(cell.load(S, &row.key).await.as_ref(), Some(row));
    }
}

pub(super) async fn a_replaced_snapshot_is_gone(cell: Cell) {
    let key = run_key("workflow", 1);
    let owner = cell.own(S).await;
    let first = EntityRow { wake_at_ms: Some(3), billed_bytes: 10, ..entity(&key, "a long first snapshot") };
    let second = EntityRow { position: Position { seq: 2, index: 1 }, ..entity(&key, "second") };
    for row in [first, second] {
        cell.save(Checkpoint { entities: vec![row.clone()], ..owner.slice() }).await;
        assert_eq!(cell.load(S, &key).await, Some(row));
    }
}

pub(super) async fn many_entities_in_one_slice_and_one_load(cell: Cell) {
    let owner = cell.own(S).await;
    let rows: Vec<EntityRow> =
        (0..331).map(|n| entity(&run_key(&format!("workflow {n}"), n), &n.to_string())).collect();
    cell.save(Checkpoint { entities: rows.clone(), ..owner.slice() }).await;
    let wanted: Vec<(ShardId, EntityKey)> = rows.iter().rev().map(|row| (S, row.key.clone())).collect();
    let loaded = cell.shards().load(&wanted, usize::MAX).await.expect("load");
    assert!(loaded.into_iter().eq(rows.iter().rev().cloned().map(Some)));
    let odd = rows.iter().skip(1).step_by(2).map(|row| row.key.clone()).collect();
    cell.save(Checkpoint { deleted: odd, ..owner.slice() }).await;
    let left = cell.shards().load(&wanted, usize::MAX).await.expect("load").into_iter().flatten().count();
    assert_eq!(left, 166);
}

pub(super) async fn names_of_a_namespace_are_read_page_by_page(mut cell: Cell) {
    let owner = cell.own(S).await;
    let (before, at, behind) = (Uuid::from_u128(6), Uuid::from_u128(7), Uuid::from_u128(8));
    let mut names = Vec::new();
    for namespace_id in [before, at, behind] {
        for kind in [0, 2, 3, 255] {
            for (id, run) in [("", 0), ("a", 1), ("a", 2), ("b", 1)] {
                let kind = EntityKind::numbered(kind);
                names.push(EntityKey { kind, namespace_id, id: id.into(), run_id: Uuid::from_u128(run) });
            }
        }
    }
    let entities = names.iter().map(|key| entity(key, "snapshot")).collect();
    let other = entity(&EntityKey::run(at, "other", Uuid::nil()), "snapshot");
    // Of what has history alone there is no entity.
    let history = vec![segment(&EntityKey::run(at, "history", Uuid::nil()), 1, 2, "events")];
    cell.save(Checkpoint { entities, history, ..owner.slice() }).await;
    let elsewhere = cell.own(T).await;
    cell.save(Checkpoint { entities: vec![other], ..elsewhere.slice() }).await;
    cell.restart().await;
    names.retain(|key| key.namespace_id == at);
    names.sort();
    for limit in [1, 3, names.len(), usize::MAX] {
        let (mut all, mut after): (Vec<EntityKey>, Option<EntityKey>) = (Vec::new(), None);
        loop {
            let page = cell.shards().of_namespace(S, at, after.as_ref(), limit).await.expect("names");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            all.extend(page);
        }
        assert_eq!(all, names, "{limit} at a time");
    }
    assert_eq!(cell.shards().of_namespace(S, at, None, 0).await.expect("names"), []);
    assert_eq!(cell.shards().of_namespace(S, Uuid::from_u128(9), None, 9).await.expect("names"), []);
    // One that stands between two names is a place, too.
    let between = EntityKey::run(at, "a", Uuid::from_u128(9));
    let rest = cell.shards().of_namespace(S, at, Some(&between), usize::MAX).await.expect("names");
    assert!(rest.iter().eq(names.iter().filter(|name| **name > between)), "{rest:?}");
}
