WITH gone AS (
    DELETE FROM record WHERE deleted_at_ms < $1 AND (namespace_id, record_id) IN (
        SELECT namespace_id, record_id FROM record WHERE deleted_at_ms < $1 ORDER BY deleted_at_ms LIMIT $2)
    RETURNING namespace_id, record_id
), cleared AS (
    DELETE FROM attribute USING gone
    WHERE attribute.record_id = gone.record_id AND attribute.namespace_id = gone.namespace_id
)
SELECT count(*) FROM gone
