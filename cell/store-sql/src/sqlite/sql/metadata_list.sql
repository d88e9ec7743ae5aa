SELECT id, version, data FROM metadata WHERE kind = ? ORDER BY id
