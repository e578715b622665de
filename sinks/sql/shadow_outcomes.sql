SELECT key AS outcomes, sum(value::bigint)::bigint AS manifests
FROM shadow_batch, json_each_text(outcomes::json) WHERE version >= $1 GROUP BY key ORDER BY key
