WITH gone (namespace_id, record_id, position) AS (VALUES {(?, ?, ?)})
DELETE FROM record WHERE row_id IN (
    SELECT record.row_id FROM gone CROSS JOIN record
    ON record.namespace_id = gone.namespace_id AND record.record_id = gone.record_id AND record.position <= gone.position)
