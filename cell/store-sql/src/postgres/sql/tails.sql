SELECT given.shard, tail.seq, tail.epoch, tail.ownership, tail.batch_id, tail.data
FROM unnest($1::int4[], $2::int8[], $3::int8[]) AS given (shard, behind, through)
CROSS JOIN LATERAL (
    SELECT seq, epoch, ownership, batch_id, data
    FROM (
        SELECT *, sum(octet_length(data)) OVER (ORDER BY seq) AS bytes, row_number() OVER (ORDER BY seq) AS number
        FROM (
            SELECT seq, epoch, ownership, batch_id, data FROM log
            WHERE log.shard = given.shard AND seq > given.behind AND seq <= given.through ORDER BY seq LIMIT $4
        ) AS page
    ) AS counted
    WHERE bytes <= $5 OR number = 1
) AS tail
ORDER BY given.shard, tail.seq
