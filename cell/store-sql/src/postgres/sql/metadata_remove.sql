DELETE FROM metadata WHERE kind = $1 AND id = $2
