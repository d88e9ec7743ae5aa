SELECT version
FROM cube_version
