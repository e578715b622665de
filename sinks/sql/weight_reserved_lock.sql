-- Locks the accounts on which these manifests of these persons reserved something, in key order (every writer's order).
SELECT 1 FROM weight_account WHERE (person_key, year, weight_group) IN (
    SELECT person_key, year, weight_group FROM weight_held_entry WHERE person_key = ANY ($1::bytea[]) AND manifest_id = ANY ($2::bigint[])
) ORDER BY person_key, year, weight_group FOR UPDATE
