-- All accounts of these persons in these years, which may be more than were asked for: two lists are looked up in the
-- index together, page by page, and pairs one by one.
SELECT person_key, year, entry_no, reserved_fen, used_fen
FROM quota_account
WHERE person_key = ANY ($1::bytea[]) AND year = ANY ($2::smallint[])
