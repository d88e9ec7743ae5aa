SELECT shard, projection, count(*), sum(bytes)::int8, min(since_ms)
FROM (
    SELECT shard, projection, since_ms, octet_length(data) AS bytes FROM outbox
    WHERE shard = $1 ORDER BY projection, item_key LIMIT $2
) AS counted
GROUP BY shard, projection
ORDER BY projection
