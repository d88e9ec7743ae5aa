DELETE FROM metadata WHERE kind = ? AND id = ?
