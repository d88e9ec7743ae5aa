-- Start of the day of shard time on which an object last named the owner: one that nothing refers to any more goes.
ALTER TABLE owners ADD COLUMN named_day_ms int8 NOT NULL DEFAULT 0;
UPDATE owners SET named_day_ms = shards.written_at_ms FROM shards WHERE shards.shard_id = owners.shard_id;
