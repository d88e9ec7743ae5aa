SELECT first_event_id, last_event_id, events
FROM (
    SELECT *, sum(octet_length(events)) OVER (ORDER BY first_event_id) AS bytes,
           row_number() OVER (ORDER BY first_event_id) AS number
    FROM (
        SELECT first_event_id, last_event_id, events FROM history
        WHERE shard = $1 AND kind = $2 AND namespace_id = $3 AND id = $4 AND run_id = $5
          AND first_event_id <= $7
          AND first_event_id >= coalesce((SELECT max(first_event_id) FROM history
              WHERE shard = $1 AND kind = $2 AND namespace_id = $3 AND id = $4 AND run_id = $5
                AND first_event_id <= $6), $6)
          AND last_event_id >= $6
        ORDER BY first_event_id LIMIT $8
    ) AS page
) AS counted
WHERE bytes <= $9 OR ($10 AND number = 1)
ORDER BY first_event_id
