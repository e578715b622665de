SELECT key AS code, sum((value ->> 0)::bigint)::bigint AS both, sum((value ->> 1)::bigint)::bigint AS live_alone,
       sum((value ->> 2)::bigint)::bigint AS tried_alone
FROM shadow_batch, json_each(codes::json) WHERE version >= $1 GROUP BY key ORDER BY key
