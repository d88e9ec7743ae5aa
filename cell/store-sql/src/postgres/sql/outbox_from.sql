SELECT item_key, position_seq, position_index, since_ms, data
FROM (
    SELECT *, sum(octet_length(data)) OVER (ORDER BY item_key) AS bytes, row_number() OVER (ORDER BY item_key) AS number
    FROM (
        SELECT item_key, position_seq, position_index, since_ms, data FROM outbox
        WHERE shard = $1 AND projection = $2 ORDER BY item_key LIMIT $3
    ) AS page
) AS counted
WHERE bytes <= $4 OR ($5 AND number = 1)
ORDER BY item_key
