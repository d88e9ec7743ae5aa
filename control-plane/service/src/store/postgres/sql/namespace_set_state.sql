UPDATE namespaces SET state = $2, resource_version = resource_version + 1 WHERE uuid = $1
