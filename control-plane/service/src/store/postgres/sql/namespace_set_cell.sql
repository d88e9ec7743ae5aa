UPDATE namespaces SET cell_id = $2 WHERE uuid = $1
