SELECT shard, projection, count(*), sum(octet_length(data))::int8, min(since_ms) FROM outbox
WHERE shard = ANY($1)
GROUP BY shard, projection
ORDER BY shard, projection
