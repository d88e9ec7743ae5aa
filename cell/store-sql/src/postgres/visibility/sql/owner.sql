SELECT cell FROM owner
