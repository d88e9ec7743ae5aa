-- Objects are counted by shard: their sum is the version of the cube, and no row is everybody's.
ALTER TABLE shards ADD COLUMN objects INTEGER NOT NULL DEFAULT 0;

UPDATE shards SET objects = (SELECT version FROM cube_version)
WHERE shard_id = (SELECT min(shard_id) FROM shards);

DROP TABLE cube_version;
