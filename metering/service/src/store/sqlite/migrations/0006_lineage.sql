-- What an incarnation goes on from: nothing where first_rows is empty.
ALTER TABLE manifests ADD COLUMN replaces BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
-- By shard, the first row of its log, as `1,7,3`.
ALTER TABLE manifests ADD COLUMN first_rows TEXT NOT NULL DEFAULT '';
ALTER TABLE manifests ADD COLUMN restored_at_ms INTEGER NOT NULL DEFAULT 0;

-- The shard whose ledger (owners, standing, open hours) this log goes on with; null where it is its own.
ALTER TABLE shards ADD COLUMN continues_id INTEGER REFERENCES shards (shard_id);
CREATE INDEX shards_that_go_on ON shards (continues_id) WHERE continues_id IS NOT NULL;
-- What became of the log's rows, as far as that is done: `at_ms:row,...`.
ALTER TABLE shards ADD COLUMN fate TEXT NOT NULL DEFAULT '';
