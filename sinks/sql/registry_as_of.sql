-- What each of these entries was at a version ($2): of a key the highest revision holds.
SELECT DISTINCT ON (key) key, value
FROM registry_entry
WHERE key = ANY ($1::text[]) AND version <= $2
ORDER BY key, revision DESC
