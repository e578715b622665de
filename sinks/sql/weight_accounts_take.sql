-- Adds the batch's entries to its accounts, in key order; returns those that are not where the batch read them (all of it
-- as in quota_accounts_take.sql).
WITH wanted AS (
    SELECT * FROM unnest($1::bytea[], $2::smallint[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::integer[])
        AS t(person_key, year, weight_group, entries, reserved_mg, used_mg, expected_entry_no)
), taken AS (
    INSERT INTO weight_account AS a (person_key, year, weight_group, entry_no, reserved_mg, used_mg)
    SELECT person_key, year, weight_group, entries, reserved_mg, used_mg FROM wanted
    ORDER BY person_key, year, weight_group COLLATE "C"
    ON CONFLICT (person_key, year, weight_group) DO UPDATE
    SET entry_no = a.entry_no + excluded.entry_no,
        reserved_mg = a.reserved_mg + excluded.reserved_mg,
        used_mg = a.used_mg + excluded.used_mg
    RETURNING person_key, year, weight_group, entry_no, reserved_mg, used_mg, old.entry_no IS NOT NULL AS stood
)
SELECT t.person_key, t.year, t.weight_group, t.entry_no, t.reserved_mg, t.used_mg
FROM taken t JOIN wanted w USING (person_key, year, weight_group)
WHERE t.stood AND w.expected_entry_no > 0 AND t.entry_no <> w.expected_entry_no
