INSERT INTO quota_account (person_key, year, entry_no, reserved_fen, used_fen)
SELECT p, y, 0, 0, 0 FROM unnest($1::bytea[], $2::smallint[]) AS t(p, y)
ORDER BY p, y
ON CONFLICT DO NOTHING
