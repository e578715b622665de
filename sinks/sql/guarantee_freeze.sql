-- Adds what a batch froze to its accounts, in key order (every writer's order: no deadlock), and its entries, one row an
-- account. Returns how many accounts do not admit it any more. The last statement before the commit: until then they are locked.
WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[])
        AS t(guarantor_code, entries, amount_fen, most_frozen_fen, moved)
), taken AS (
    INSERT INTO guarantee_account AS a (guarantor_code, entry_no, frozen_fen)
    SELECT guarantor_code, entries, amount_fen FROM wanted ORDER BY guarantor_code COLLATE "C"
    ON CONFLICT (guarantor_code) DO UPDATE
    SET entry_no = a.entry_no + excluded.entry_no, frozen_fen = a.frozen_fen + excluded.frozen_fen
    RETURNING guarantor_code, entry_no, frozen_fen
), written AS (
    INSERT INTO guarantee_entry (guarantor_code, entry_no, entries, frozen_after_fen, moved, lane, batch_seq)
    SELECT guarantor_code, t.entry_no, w.entries, t.frozen_fen, w.moved, $6, $7
    FROM taken t JOIN wanted w USING (guarantor_code)
)
SELECT count(*) FROM taken t JOIN wanted w USING (guarantor_code) WHERE t.frozen_fen - w.amount_fen > w.most_frozen_fen
