DELETE FROM tombstone WHERE (namespace_id, run_id) IN (
    SELECT namespace_id, run_id FROM tombstone WHERE at_ms < ? LIMIT ?)
