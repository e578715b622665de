-- $1 key, $2 version: the entry as it stood then.
SELECT value FROM registry_entry WHERE key = $1 AND version <= $2 ORDER BY revision DESC LIMIT 1
