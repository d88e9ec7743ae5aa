UPDATE shards
SET watermark = $2, sealed_until_ms = $3, written_at_ms = $4, corrected_at = $5, skipped_rows = $6, fate = $7,
    objects = objects + 1
WHERE shard_id = $1
