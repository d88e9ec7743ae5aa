DELETE FROM record WHERE row_id IN (SELECT row_id FROM record WHERE namespace_id = ? LIMIT ?)
