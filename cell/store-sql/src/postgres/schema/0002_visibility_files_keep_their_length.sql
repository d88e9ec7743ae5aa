-- No file is cut off at its end: that takes a lock which all who use the table wait for, on standbys for as long as
-- one of their reads lasts.
ALTER TABLE record SET (vacuum_truncate = false, toast.vacuum_truncate = false);
ALTER TABLE attribute SET (vacuum_truncate = false, toast.vacuum_truncate = false);
