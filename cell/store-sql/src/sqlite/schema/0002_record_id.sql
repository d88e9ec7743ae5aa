-- Records are named by their run, or by kind and id where they have no runs. The texts of both kinds of names are apart.

ALTER TABLE record RENAME COLUMN run_id TO record_id;
ALTER TABLE tombstone RENAME COLUMN run_id TO record_id;
