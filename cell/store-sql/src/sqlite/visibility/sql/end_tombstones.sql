DELETE FROM tombstone WHERE (namespace_id, record_id) IN (
    SELECT namespace_id, record_id FROM tombstone WHERE at_ms < ? LIMIT ?)
