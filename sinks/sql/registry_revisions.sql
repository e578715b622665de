-- The highest revision of each of these keys.
SELECT key, max(revision) AS revision FROM registry_entry WHERE key = ANY ($1::text[]) GROUP BY key
