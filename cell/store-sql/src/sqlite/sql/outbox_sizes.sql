WITH asked (shard) AS (VALUES {(?)})
SELECT outbox.shard, projection, count(*), sum(length(data)), min(since_ms)
FROM asked CROSS JOIN outbox ON outbox.shard = asked.shard
GROUP BY outbox.shard, projection
