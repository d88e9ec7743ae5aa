WITH old AS MATERIALIZED (
    SELECT ctid FROM record WHERE deleted_at_ms < $1 ORDER BY deleted_at_ms LIMIT $2
), gone AS (
    -- What is compared again is none of an index, which would be read from end to end.
    DELETE FROM record WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) AND coalesce(deleted_at_ms, $1) < $1
    RETURNING namespace_id, record_id
), cleared AS (
    DELETE FROM attribute USING gone
    WHERE attribute.record_id = gone.record_id AND attribute.namespace_id = gone.namespace_id
)
SELECT count(*) FROM gone
