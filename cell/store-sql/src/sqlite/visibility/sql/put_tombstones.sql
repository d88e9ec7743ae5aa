INSERT INTO tombstone (namespace_id, run_id, position, at_ms)
VALUES {(?, ?, ?, ?)}
ON CONFLICT (namespace_id, run_id) DO UPDATE SET
    position = max(tombstone.position, excluded.position), at_ms = max(tombstone.at_ms, excluded.at_ms)
