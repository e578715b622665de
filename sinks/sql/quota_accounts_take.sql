-- Adds the batch's entries to its accounts in key order (every writer's order: no deadlock). New ones come here only when
-- somebody else opened one of them meanwhile (docs/adr/0006): then all of them do, and are opened.
-- Returns the accounts that are not where the batch read them; who decided says whether they still admit it. One that was
-- opened here is where it was read, for none is ever deleted: the many of them need not be compared. 0: nothing is expected.
WITH wanted AS (
    SELECT * FROM unnest($1::bytea[], $2::smallint[], $3::integer[], $4::bigint[], $5::bigint[], $6::integer[])
        AS t(person_key, year, entries, reserved_fen, used_fen, expected_entry_no)
), taken AS (
    INSERT INTO quota_account AS a (person_key, year, entry_no, reserved_fen, used_fen)
    SELECT person_key, year, entries, reserved_fen, used_fen FROM wanted ORDER BY person_key, year
    ON CONFLICT (person_key, year) DO UPDATE
    SET entry_no = a.entry_no + excluded.entry_no,
        reserved_fen = a.reserved_fen + excluded.reserved_fen,
        used_fen = a.used_fen + excluded.used_fen
    RETURNING person_key, year, entry_no, reserved_fen, used_fen, old.entry_no IS NOT NULL AS stood
)
SELECT t.person_key, t.year, t.entry_no, t.reserved_fen, t.used_fen
FROM taken t JOIN wanted w USING (person_key, year)
WHERE t.stood AND w.expected_entry_no > 0 AND t.entry_no <> w.expected_entry_no
