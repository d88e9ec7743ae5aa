SELECT version FROM metadata WHERE kind = ? AND id = ?
