-- Batches of a trial from a version on.
SELECT count(*) AS batches, coalesce(sum(manifests), 0)::bigint AS manifests, coalesce(sum(failed), 0)::bigint AS failed
FROM shadow_batch WHERE version >= $1
