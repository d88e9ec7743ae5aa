UPDATE cube_version
SET version = version + 1
