-- What one entry was, from its first version on.
SELECT version, revision, value FROM registry_entry WHERE key = $1 ORDER BY revision
