UPDATE namespaces SET generation = $2 WHERE uuid = $1 AND generation < $2
