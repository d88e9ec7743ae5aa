UPDATE namespaces SET routed = $2 WHERE uuid = $1 AND routed <> $2
