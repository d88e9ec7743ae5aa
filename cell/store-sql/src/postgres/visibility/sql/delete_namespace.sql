WITH gone AS (
    DELETE FROM record WHERE namespace_id = $1 AND deleted_at_ms IS NULL AND record_id IN (
        SELECT record_id FROM record WHERE namespace_id = $1 AND deleted_at_ms IS NULL LIMIT $2)
    RETURNING namespace_id, record_id
), cleared AS (
    DELETE FROM attribute USING gone
    WHERE attribute.record_id = gone.record_id AND attribute.namespace_id = gone.namespace_id
)
SELECT count(*) FROM gone
