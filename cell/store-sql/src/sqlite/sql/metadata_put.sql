INSERT INTO metadata (kind, id, version, data) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, data = excluded.data
WHERE excluded.version > metadata.version
