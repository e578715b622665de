-- Whose these manifests are. Their numbers tell the batch (migration 0001), and that has an index.
SELECT manifest_id, ebp_code, order_no FROM manifest
WHERE manifest_id = ANY ($1::bigint[]) AND batch_seq = ANY (ARRAY(SELECT (m >> 16) & 4294967295 FROM unnest($1::bigint[]) AS m))
