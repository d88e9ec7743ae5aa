SELECT shard, epoch, checkpoint_seq, checkpoint_state,
       (SELECT seq FROM log WHERE log.shard = shard.shard ORDER BY seq DESC LIMIT 1), term
FROM shard ORDER BY shard
