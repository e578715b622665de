-- Seconds since the oldest transaction began that keeps vacuum from what was deleted since; 0: none does. Of other users only what we may see.
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
