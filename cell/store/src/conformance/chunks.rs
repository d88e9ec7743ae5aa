//! Chunks of large snapshots: they stay until they are replaced or removed, or their entity goes.

use super::fixture::*;
use crate::types::*;
use AppendOutcome::Superseded;
use bytes::Bytes;

fn chunk(collection: u8, bucket: i64, data: &str) -> Chunk {
    Chunk { id: ChunkId { collection, bucket }, data: Bytes::copy_from_slice(data.as_bytes()) }
}

fn large(key: &EntityKey, base: &str, chunks: &[Chunk]) -> EntityRow {
    EntityRow { chunks: chunks.to_vec(), ..entity(key, base) }
}

async fn put(cell: &Cell, owner: &Owner, row: EntityRow) {
    cell.save(Checkpoint { entities: vec![row], ..owner.slice() }).await;
}

pub(super) async fn chunks_come_back_in_the_order_of_their_ids(mut cell: Cell) {
    let (key, other) = (run_key("workflow", 1), run_key("workflow", 2));
    let owner = cell.own(S).await;
    let sorted = [chunk(1, -5, "a"), chunk(1, 0, "b"), chunk(1, 7, "c"), chunk(2, -9, "d")];
    let [a, b, c, d] = sorted.clone();
    put(&cell, &owner, large(&key, "base", &[c, a, d, b])).await;
    put(&cell, &owner, large(&other, "other", &[chunk(1, 0, "other")])).await;
    cell.restart().await;
    assert_eq!(cell.load(S, &key).await, Some(large(&key, "base", &sorted)));
    let wanted = [(S, other.clone()), (S, run_key("none", 1)), (S, key.clone()), (S, other.clone())];
    let loaded = cell.shards().load(&wanted, usize::MAX).await.expect("load");
    let other = Some(large(&other, "other", &[chunk(1, 0, "other")]));
    assert_eq!(loaded, [other.clone(), None, Some(large(&key, "base", &sorted)), other]);
}

pub(super) async fn a_write_changes_only_the_chunks_it_names(mut cell: Cell) {
    let key = run_key("workflow", 1);
    let owner = cell.own(S).await;
    put(&cell, &owner, large(&key, "1", &[chunk(1, 0, "a"), chunk(1, 1, "b"), chunk(2, 0, "c")])).await;
    let second = large(&key, "2", &[chunk(1, 1, "new"), chunk(2, 0, ""), chunk(3, 0, "d"), chunk(9, 9, "")]);
    for _ in 0..2 {
        put(&cell, &owner, second.clone()).await;
        let left = [chunk(1, 0, "a"), chunk(1, 1, "new"), chunk(3, 0, "d")];
        assert_eq!(cell.load(S, &key).await, Some(large(&key, "2", &left)));
    }
    put(&cell, &owner, entity(&key, "3")).await;
    let left = [chunk(1, 0, "a"), chunk(1, 1, "new"), chunk(3, 0, "d")];
    assert_eq!(cell.load(S, &key).await, Some(large(&key, "3", &left)), "others stay");
    put(&cell, &owner, large(&key, "4", &[chunk(1, 0, ""), chunk(1, 1, ""), chunk(3, 0, "")])).await;
    cell.restart().await;
    assert_eq!(cell.load(S, &key).await, Some(entity(&key, "4")));
}

pub(super) async fn chunks_go_with_their_entity_and_no_other(cell: Cell) {
    let (key, other) = (run_key("workflow", 1), run_key("workflow", 2));
    let (s, t) = (cell.own(S).await, cell.own(T).await);
    let chunks = [chunk(1, 0, "a"), chunk(1, 1, "b")];
    put(&cell, &s, large(&key, "goes", &chunks)).await;
    put(&cell, &s, large(&other, "stays", &chunks)).await;
    put(&cell, &t, large(&key, "stays", &chunks)).await;
    cell.save(Checkpoint { deleted: vec![key.clone()], ..s.slice() }).await;
    assert_eq!(cell.load(S, &key).await, None);
    assert_eq!(cell.load(S, &other).await, Some(large(&other, "stays", &chunks)));
    assert_eq!(cell.load(T, &key).await, Some(large(&key, "stays", &chunks)));
    put(&cell, &s, entity(&key, "back")).await;
    assert_eq!(cell.load(S, &key).await, Some(entity(&key, "back")), "nothing of its first life");
    let new = large(&other, "new", &[chunk(1, 1, "c")]);
    let slice = Checkpoint { entities: vec![new.clone()], deleted: vec![other.clone()], ..s.slice() };
    cell.save(slice).await;
    assert_eq!(cell.load(S, &other).await, Some(new), "removals come before writes");
}

pub(super) async fn a_stale_checkpoint_leaves_chunks_alone(cell: Cell) {
    let (key, new) = (run_key("workflow", 1), run_key("new", 2));
    let stale = cell.own(S).await;
    let kept = large(&key, "kept", &[chunk(1, 0, "a"), chunk(1, 1, "b")]);
    put(&cell, &stale, kept.clone()).await;
    cell.acquire(S).await;
    let slice = Checkpoint {
        entities: vec![
            large(&key, "late", &[chunk(1, 0, "late"), chunk(1, 1, ""), chunk(2, 0, "late")]),
            large(&new, "late", &[chunk(1, 0, "late")]),
        ],
        ..stale.slice()
    };
    assert_eq!(cell.checkpoint(&slice).await, Superseded);
    let gone = Checkpoint { deleted: vec![key.clone()], ..stale.slice() };
    assert_eq!(cell.checkpoint(&gone).await, Superseded);
    assert_eq!(cell.load(S, &key).await, Some(kept));
    assert_eq!(cell.load(S, &new).await, None);
}

pub(super) async fn many_chunks_of_many_entities(cell: Cell) {
    let owner = cell.own(S).await;
    let chunks = |n: i64| (0..n).map(|bucket| chunk(1, bucket, &format!("{n}/{bucket}"))).collect::<Vec<_>>();
    let rows: Vec<EntityRow> = (0..90)
        .map(|n| large(&run_key(&format!("workflow {n}"), n), "base", &chunks(n as i64 % 7 * 11)))
        .collect();
    cell.save(Checkpoint { entities: rows.clone(), ..owner.slice() }).await;
    let wanted: Vec<(ShardId, EntityKey)> = rows.iter().map(|row| (S, row.key.clone())).collect();
    let loaded = cell.shards().load(&wanted, usize::MAX).await.expect("load");
    assert!(loaded.into_iter().eq(rows.into_iter().map(Some)));
}

pub(super) async fn a_load_takes_as_many_as_fit(cell: Cell) {
    let owner = cell.own(S).await;
    let row = |n, base: &str, chunks: &[Chunk]| large(&run_key("workflow", n), base, chunks);
    // 3, 2 + 4 + 1 and 5 bytes.
    let (three, seven, five) =
        (row(1, "abc", &[]), row(2, "de", &[chunk(1, 0, "fghi"), chunk(2, 5, "j")]), row(4, "klmno", &[]));
    let slice = Checkpoint { entities: vec![three.clone(), seven.clone(), five.clone()], ..owner.slice() };
    cell.save(slice).await;
    let none = run_key("workflow", 3);
    let wanted = [&three.key, &seven.key, &none, &five.key].map(|key| (S, key.clone()));
    let all = [Some(three), Some(seven), None, Some(five)];
    for (max_bytes, fit) in [(0, 1), (3, 1), (9, 1), (10, 3), (14, 3), (15, 4), (usize::MAX, 4)] {
        let loaded = cell.shards().load(&wanted, max_bytes).await.expect("load");
        assert_eq!(loaded, all[..fit], "{max_bytes} bytes");
        // What is not there takes no room, and is not the one that comes whatever it has.
        let behind: Vec<_> = std::iter::once((S, none.clone())).chain(wanted.iter().cloned()).collect();
        let loaded = cell.shards().load(&behind, max_bytes).await.expect("load");
        assert_eq!(loaded[0], None);
        assert_eq!(loaded[1..], all[..fit], "{max_bytes} bytes behind one that is not there");
    }
    // Also where an engine takes several statements for them.
    let many: Vec<_> = wanted.iter().cycle().take(4 * 300).cloned().collect();
    for (max_bytes, fit) in [(10, 3), (15 * 200, 4 * 200), (15 * 299 + 14, 4 * 300 - 1), (15 * 300, 4 * 300)]
    {
        let loaded = cell.shards().load(&many, max_bytes).await.expect("load");
        assert!(loaded.iter().eq(all.iter().cycle().take(fit)), "{} in {max_bytes} bytes", loaded.len());
    }
}
