INSERT INTO tombstone (namespace_id, record_id, position, at_ms)
VALUES {(?, ?, ?, ?)}
ON CONFLICT (namespace_id, record_id) DO UPDATE SET
    position = max(tombstone.position, excluded.position), at_ms = max(tombstone.at_ms, excluded.at_ms)
