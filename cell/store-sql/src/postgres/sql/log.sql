SELECT seq, epoch, ownership, batch_id, data
FROM (
    SELECT *, sum(octet_length(data)) OVER (ORDER BY seq) AS bytes, row_number() OVER (ORDER BY seq) AS number
    FROM (
        SELECT seq, epoch, ownership, batch_id, data FROM log
        WHERE shard = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq LIMIT $4
    ) AS page
) AS counted
WHERE bytes <= $5 OR ($6 AND number = 1)
ORDER BY seq
