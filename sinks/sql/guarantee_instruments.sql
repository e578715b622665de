-- The instruments as they stand, of one guarantor if it is named.
SELECT DISTINCT ON (key) value FROM registry_entry
WHERE key LIKE 'guarantee|%' AND ($1::text IS NULL OR split_part(key, '|', 2) = $1)
ORDER BY key, revision DESC
