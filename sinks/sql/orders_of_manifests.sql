-- Whose these manifests ($1) are; their batches ($2) stand in their numbers, and those have an index.
SELECT manifest_id, ebp_code, order_no FROM manifest WHERE manifest_id = ANY ($1::bigint[]) AND batch_seq = ANY ($2::bigint[])
