SELECT watermark, written_at_ms, sealed_until_ms FROM shards
WHERE cell_id = ?1 AND incarnation = ?2 AND shard = ?3
