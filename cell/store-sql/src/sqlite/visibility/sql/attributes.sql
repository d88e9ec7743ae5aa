SELECT row_id, name, kind, value, text FROM attribute
WHERE row_id IN (SELECT value FROM json_each(?)) AND (ordinal = 0 OR kind <> 1)
ORDER BY row_id, name, ordinal
