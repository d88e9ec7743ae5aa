-- No file is cut off at its end: that takes a lock which all who use the table wait for, on standbys for as long as
-- one of their reads lasts.
ALTER TABLE shard SET (vacuum_truncate = false, toast.vacuum_truncate = false);
ALTER TABLE entity SET (vacuum_truncate = false, toast.vacuum_truncate = false);
ALTER TABLE chunk SET (vacuum_truncate = false, toast.vacuum_truncate = false);
ALTER TABLE history SET (vacuum_truncate = false, toast.vacuum_truncate = false);
ALTER TABLE waiting SET (vacuum_truncate = false, toast.vacuum_truncate = false);
ALTER TABLE outbox SET (vacuum_truncate = false, toast.vacuum_truncate = false);
