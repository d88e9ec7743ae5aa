SELECT given.shard, tail.seq, tail.epoch, tail.ownership, tail.batch_id, tail.data
FROM unnest($1::int4[], $2::int8[]) AS given (shard, behind)
CROSS JOIN LATERAL (
    SELECT seq, epoch, ownership, batch_id, data FROM log
    WHERE log.shard = given.shard AND seq > given.behind ORDER BY seq OFFSET 0
) AS tail
ORDER BY given.shard, tail.seq
