-- What these manifests ($2) reserved becomes used ($3 confirm) or is available again ($3 restore), in their order: an entry each,
-- and the accounts of the persons $1, which are locked.
WITH due AS MATERIALIZED (
    SELECT e.person_key, e.year, e.manifest_id, e.amount_fen,
        row_number() OVER earlier AS n, sum(e.amount_fen) OVER earlier AS amount,
        CASE $3::text WHEN 'confirm' THEN sum(e.amount_fen) OVER earlier ELSE 0 END AS confirmed
    FROM quota_held_entry e JOIN unnest($2::bigint[]) WITH ORDINALITY AS m(manifest_id, turn) USING (manifest_id)
    WHERE e.person_key = ANY ($1::bytea[]) AND e.movement = 'reserve'
    WINDOW earlier AS (PARTITION BY e.person_key, e.year ORDER BY m.turn)
), moved AS (
    UPDATE quota_account a SET entry_no = a.entry_no + s.n, reserved_fen = a.reserved_fen - s.amount, used_fen = a.used_fen + s.confirmed
    FROM (SELECT person_key, year, max(n) AS n, max(amount)::bigint AS amount, max(confirmed)::bigint AS confirmed
        FROM due GROUP BY person_key, year) s
    WHERE a.person_key = s.person_key AND a.year = s.year
    RETURNING a.person_key, a.year, a.entry_no - s.n AS entry_no,
        a.reserved_fen + s.amount AS reserved_fen, a.used_fen - s.confirmed AS used_fen
)
INSERT INTO quota_held_entry (person_key, year, entry_no, manifest_id, movement, debit, credit, amount_fen, reserved_after_fen, used_after_fen)
SELECT d.person_key, d.year, m.entry_no + d.n, d.manifest_id, $3, 'reserved',
    CASE $3::text WHEN 'confirm' THEN 'used' ELSE 'available' END, d.amount_fen, m.reserved_fen - d.amount, m.used_fen + d.confirmed
FROM due d JOIN moved m USING (person_key, year)
