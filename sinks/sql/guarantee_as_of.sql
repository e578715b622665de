-- $1 guarantor, $2 version: its instruments as they were filed then.
SELECT DISTINCT ON (key) value FROM registry_entry
WHERE starts_with(key, 'guarantee|' || $1 || '|') AND version <= $2
ORDER BY key, revision DESC
