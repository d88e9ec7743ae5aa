-- What operators have decided about usage that is not there: written once, and kept for good.
CREATE TABLE decisions (
    decision_id   int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cell_id       bytea NOT NULL,
    -- Log incarnation.
    incarnation   uuid NOT NULL,
    -- 1 retired, 2 lost, 3 rows skipped.
    kind          int8 NOT NULL,
    -- Of skipped rows; 0 for others.
    shard         int8 NOT NULL,
    from_seq      int8 NOT NULL,
    to_seq        int8 NOT NULL,
    -- The first hour that it is about.
    hour_ms       int8 NOT NULL,
    reason        bytea NOT NULL,
    decided_by    bytea NOT NULL,
    decided_at_ms int8 NOT NULL,
    UNIQUE (cell_id, incarnation, kind, shard, from_seq)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'decisions never change'; END $$;

CREATE TRIGGER decisions_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Log rows that were given up.
ALTER TABLE shards ADD COLUMN skipped_rows int8 NOT NULL DEFAULT 0;
