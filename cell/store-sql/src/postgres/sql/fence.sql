UPDATE shard SET slice = $5
WHERE shard = $1 AND epoch = $2 AND term = $3 AND slice >= $4 AND slice < $5
  AND ($6 <= checkpoint_seq OR EXISTS (SELECT FROM log WHERE log.shard = $1 AND log.seq = $6))
