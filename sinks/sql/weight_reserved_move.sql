-- What these manifests ($2) reserved becomes used ($3 confirm) or is available again ($3 restore), in their order: an entry each,
-- and the accounts of the persons $1, which are locked.
WITH due AS MATERIALIZED (
    SELECT e.person_key, e.year, e.weight_group, e.manifest_id, e.amount_mg,
        row_number() OVER earlier AS n, sum(e.amount_mg) OVER earlier AS amount,
        CASE $3::text WHEN 'confirm' THEN sum(e.amount_mg) OVER earlier ELSE 0 END AS confirmed
    FROM weight_held_entry e JOIN unnest($2::bigint[]) WITH ORDINALITY AS m(manifest_id, turn) USING (manifest_id)
    WHERE e.person_key = ANY ($1::bytea[]) AND e.movement = 'reserve'
    WINDOW earlier AS (PARTITION BY e.person_key, e.year, e.weight_group ORDER BY m.turn)
), moved AS (
    UPDATE weight_account a SET entry_no = a.entry_no + s.n, reserved_mg = a.reserved_mg - s.amount, used_mg = a.used_mg + s.confirmed
    FROM (SELECT person_key, year, weight_group, max(n) AS n, max(amount)::bigint AS amount, max(confirmed)::bigint AS confirmed
        FROM due GROUP BY person_key, year, weight_group) s
    WHERE a.person_key = s.person_key AND a.year = s.year AND a.weight_group = s.weight_group
    RETURNING a.person_key, a.year, a.weight_group, a.entry_no - s.n AS entry_no,
        a.reserved_mg + s.amount AS reserved_mg, a.used_mg - s.confirmed AS used_mg
)
INSERT INTO weight_held_entry (person_key, year, weight_group, entry_no, manifest_id, movement, debit, credit, amount_mg, reserved_after_mg, used_after_mg)
SELECT d.person_key, d.year, d.weight_group, m.entry_no + d.n, d.manifest_id, $3, 'reserved',
    CASE $3::text WHEN 'confirm' THEN 'used' ELSE 'available' END, d.amount_mg, m.reserved_mg - d.amount, m.used_mg + d.confirmed
FROM due d JOIN moved m USING (person_key, year, weight_group)
