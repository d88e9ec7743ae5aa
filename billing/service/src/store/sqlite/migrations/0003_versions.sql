-- The version of the usage that was read is no number any more: it is a name, and stands in the run.
ALTER TABLE rating_runs DROP COLUMN cube_version;
