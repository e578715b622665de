-- Slow path: the accounts exist (see quota_accounts_open) and are locked in key order before anybody reads them.
SELECT person_key, year, entry_no, reserved_fen, used_fen
FROM quota_account
WHERE (person_key, year) IN (SELECT * FROM unnest($1::bytea[], $2::smallint[]))
ORDER BY person_key, year
FOR UPDATE
