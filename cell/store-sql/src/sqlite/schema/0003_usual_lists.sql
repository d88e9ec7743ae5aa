-- The usual lists, each in the default order by an index: however many others there are, only what is shown is read.
-- Most lists are of the user's workflows, which have no division; few records have one.

DROP INDEX record_order;
DROP INDEX record_workflow;
CREATE INDEX record_order ON record (namespace_id, close_rank, start_rank, record_id, status, division)
    WHERE division IS NULL;
CREATE INDEX record_divided ON record (namespace_id, division, close_rank, start_rank, record_id)
    WHERE division IS NOT NULL;
CREATE INDEX record_status ON record (namespace_id, status, close_rank, start_rank, record_id, division)
    WHERE division IS NULL;
CREATE INDEX record_type ON record (namespace_id, workflow_type, close_rank, start_rank, record_id, status, division)
    WHERE division IS NULL;
CREATE INDEX record_workflow ON record (namespace_id, workflow_id, close_rank, start_rank, record_id);
CREATE INDEX record_parent ON record (namespace_id, parent_workflow_id) WHERE parent_workflow_id IS NOT NULL;
CREATE INDEX record_root ON record (namespace_id, root_workflow_id) WHERE root_workflow_id IS NOT NULL;

-- Values stand in the default order of their records. A member that a list repeats has one value; the others are texts.
DROP INDEX attribute_value;
ALTER TABLE attribute ADD COLUMN close_rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attribute ADD COLUMN start_rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attribute ADD COLUMN record_id TEXT NOT NULL DEFAULT '';
UPDATE attribute SET (close_rank, start_rank, record_id) = (
    SELECT close_rank, start_rank, record_id FROM record WHERE record.row_id = attribute.row_id);
UPDATE attribute SET text = value, value = NULL
WHERE kind = 7 AND EXISTS (
    SELECT 1 FROM attribute AS earlier
    WHERE earlier.row_id = attribute.row_id AND earlier.name = attribute.name AND earlier.ordinal < attribute.ordinal
      AND earlier.value = attribute.value);
CREATE INDEX attribute_value ON attribute (namespace_id, name, kind, value, close_rank, start_rank, record_id)
    WHERE value IS NOT NULL;
