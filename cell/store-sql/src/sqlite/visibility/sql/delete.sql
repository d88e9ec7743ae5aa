WITH gone (namespace_id, run_id, position) AS (VALUES {(?, ?, ?)})
DELETE FROM record WHERE row_id IN (
    SELECT record.row_id FROM gone CROSS JOIN record
    ON record.namespace_id = gone.namespace_id AND record.run_id = gone.run_id AND record.position <= gone.position)
