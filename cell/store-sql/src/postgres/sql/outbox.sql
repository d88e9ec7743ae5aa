SELECT item_key, position_seq, position_index, since_ms, data
FROM (
    SELECT *, sum(octet_length(data)) OVER (ORDER BY item_key) AS bytes, row_number() OVER (ORDER BY item_key) AS number
    FROM (
        SELECT item_key, position_seq, position_index, since_ms, data FROM outbox
        WHERE shard = $1 AND projection = $2 AND item_key > $3 ORDER BY item_key LIMIT $4
    ) AS page
) AS counted
WHERE bytes <= $5 OR ($6 AND number = 1)
ORDER BY item_key
