SELECT cloud_id, cell_id FROM namespaces WHERE routed AND cell_id IS NOT NULL ORDER BY cloud_id
