-- Locks the accounts on which these manifests of these persons reserved something, in key order (every writer's order).
SELECT 1 FROM quota_account WHERE (person_key, year) IN (
    SELECT person_key, year FROM quota_held_entry WHERE person_key = ANY ($1::bytea[]) AND manifest_id = ANY ($2::bigint[])
) ORDER BY person_key, year FOR UPDATE
