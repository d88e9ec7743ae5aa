WITH lead AS (
    INSERT INTO log (shard, seq, epoch, ownership, batch_id, data)
    SELECT given.shard, given.seq, given.epoch, given.ownership, given.batch_id, given.data
    FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::bool[], $5::uuid[], $6::bytea[], $21::uuid[])
        AS given (shard, seq, epoch, ownership, batch_id, data, term)
    JOIN shard ON shard.shard = given.shard AND shard.epoch = given.epoch AND shard.term = given.term
    WHERE given.seq > shard.checkpoint_seq
      AND (given.seq = shard.checkpoint_seq + 1
           OR EXISTS (SELECT FROM log WHERE log.shard = given.shard AND log.seq = given.seq - 1))
    ORDER BY given.shard
    ON CONFLICT (shard, seq) DO NOTHING
    RETURNING shard
), rest AS (
    INSERT INTO log (shard, seq, epoch, ownership, batch_id, data)
    SELECT given.shard, given.seq, given.epoch, given.ownership, given.batch_id, given.data
    FROM unnest($7::int4[], $8::int8[], $9::int8[], $10::bool[], $11::uuid[], $12::bytea[])
        AS given (shard, seq, epoch, ownership, batch_id, data)
    JOIN lead ON lead.shard = given.shard
), beside AS (
    INSERT INTO history (shard, kind, namespace_id, id, run_id, first_event_id, last_event_id, events)
    SELECT given.shard, given.kind, given.namespace_id, given.id, given.run_id, given.first_event_id,
           given.last_event_id, given.events
    FROM unnest($13::int4[], $14::int2[], $15::uuid[], $16::bytea[], $17::uuid[], $18::int8[], $19::int8[],
                $20::bytea[])
        AS given (shard, kind, namespace_id, id, run_id, first_event_id, last_event_id, events)
    JOIN lead ON lead.shard = given.shard
    ON CONFLICT (shard, kind, namespace_id, id, run_id, first_event_id) DO UPDATE SET
        last_event_id = excluded.last_event_id, events = excluded.events
)
SELECT shard FROM lead
