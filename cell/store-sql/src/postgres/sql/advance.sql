UPDATE shard SET checkpoint_seq = $2, checkpoint_state = $3
WHERE shard = $1
  AND (checkpoint_seq = $2
       OR checkpoint_seq < $2 AND EXISTS (SELECT FROM log WHERE log.shard = $1 AND log.seq = $2))
