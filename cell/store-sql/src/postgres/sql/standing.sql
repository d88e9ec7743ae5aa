SELECT given.number,
       greatest(shard.checkpoint_seq,
                (SELECT seq FROM log WHERE log.shard = shard.shard ORDER BY seq DESC LIMIT 1)) AS log_end,
       stands.seq, stands.epoch, stands.batch_id, current_setting('synchronous_standby_names') <> '' AS replicated,
       coalesce(shard.term = given.term, false) AS is_owners
FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::uuid[]) WITH ORDINALITY
    AS given (shard, first, last, term, number)
JOIN shard ON shard.shard = given.shard
LEFT JOIN LATERAL (
    SELECT seq, epoch, batch_id FROM log
    WHERE log.shard = given.shard AND seq BETWEEN given.first AND given.last ORDER BY seq OFFSET 0
) AS stands ON true
ORDER BY given.number, stands.seq
