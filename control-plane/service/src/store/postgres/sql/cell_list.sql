SELECT c.id, c.region, c.frontend, c.admin, c.token, c.capacity, c.draining, c.health, c.problems, c.failures, c.last_seen_ms,
    (SELECT count(*) FROM namespaces n WHERE n.cell_id = c.id AND n.state <> 'deleted') AS namespaces
FROM cells c ORDER BY c.id
