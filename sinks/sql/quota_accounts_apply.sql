-- Applies only where the account still stands at the entry number it was read at; the caller compares the count.
UPDATE quota_account a
SET entry_no = t.entry_no, reserved_fen = t.reserved_fen, used_fen = t.used_fen
FROM unnest($1::bytea[], $2::smallint[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[])
     AS t(person_key, year, read_entry_no, entry_no, reserved_fen, used_fen)
WHERE a.person_key = t.person_key AND a.year = t.year AND a.entry_no = t.read_entry_no
