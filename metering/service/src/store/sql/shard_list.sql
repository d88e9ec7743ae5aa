SELECT cell_id, incarnation, shard, watermark, written_at_ms, sealed_until_ms FROM shards
