SELECT shard_id, coalesce(continues_id, shard_id) AS ledger_id, cell_id, incarnation, shard, watermark, sealed_until_ms, written_at_ms, objects, corrected_at,
    skipped_rows, fate
FROM shards
ORDER BY cell_id, incarnation, shard
