SELECT id, version, data FROM metadata WHERE kind = $1 ORDER BY id
