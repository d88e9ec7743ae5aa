SELECT row_id, memo FROM record WHERE row_id IN (SELECT value FROM json_each(?))
