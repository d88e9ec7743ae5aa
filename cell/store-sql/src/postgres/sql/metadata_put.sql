INSERT INTO metadata (kind, id, version, data) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, data = excluded.data
WHERE excluded.version > metadata.version
