SELECT shard_id, coalesce(continues_id, shard_id) AS ledger_id, cell_id, incarnation, shard, watermark, sealed_until_ms, written_at_ms, objects, corrected_at,
    skipped_rows, fate
FROM shards
WHERE cell_id = $1 AND incarnation = $2 AND shard = $3
FOR NO KEY UPDATE
