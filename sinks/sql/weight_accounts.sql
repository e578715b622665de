-- All accounts of these persons in these years and groups, which may be more than were asked for (as quota_accounts.sql).
SELECT person_key, year, weight_group, entry_no, reserved_mg, used_mg
FROM weight_account
WHERE person_key = ANY ($1::bytea[]) AND year = ANY ($2::smallint[]) AND weight_group = ANY ($3::text[])
