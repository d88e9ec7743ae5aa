-- What cells hold at a newer generation than this database ever gave out: it was restored from a backup. Nothing is pushed about
-- such a subject until an operator has decided. `subject` is 'key_set', or a namespace's UUID as text.
CREATE TABLE recovering (
    subject TEXT PRIMARY KEY,
    cell_id TEXT NOT NULL REFERENCES cells (id),
    held    INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
