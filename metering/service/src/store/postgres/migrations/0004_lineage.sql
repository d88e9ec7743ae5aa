-- What an incarnation goes on from: nothing where first_rows is empty.
ALTER TABLE manifests
    ADD COLUMN replaces       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- By shard, the first row of its log, as `1,7,3`.
    ADD COLUMN first_rows     text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN restored_at_ms int8 NOT NULL DEFAULT 0;

ALTER TABLE shards
    -- The shard whose ledger (owners, standing, open hours) this log goes on with; null where it is its own.
    ADD COLUMN continues_id int8 REFERENCES shards (shard_id),
    -- What became of the log's rows, as far as that is done: `at_ms:row,...`.
    ADD COLUMN fate         text COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX shards_that_go_on ON shards (continues_id) WHERE continues_id IS NOT NULL;
