-- Stock as it is filed, of one item if its key is named.
SELECT DISTINCT ON (key) value FROM registry_entry
WHERE key LIKE 'stock|%' AND ($1::text IS NULL OR key = $1)
ORDER BY key, revision DESC
