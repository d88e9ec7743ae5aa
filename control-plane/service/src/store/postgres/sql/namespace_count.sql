SELECT count(*) AS count FROM namespaces WHERE account_id = $1 AND state <> 'deleted'
