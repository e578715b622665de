-- What a manifest moved on the accounts of its person, in every ledger; amounts in the ledger's unit. Its number tells the lane and
-- batch that it was decided in, and by those the row is found that holds what it used at once.
SELECT 'quota' AS ledger, person_key, year, '' AS weight_group, entry_no, movement, debit, credit,
    amount_fen AS amount, reserved_after_fen AS reserved_after, used_after_fen AS used_after, 'fen' AS unit
FROM quota_entry WHERE lane = ($2::bigint >> 48)::smallint AND batch_seq = ($2 >> 16) & 4294967295 AND person_key = $1 AND manifest_id = $2
UNION ALL
SELECT 'weight', person_key, year, weight_group, entry_no, movement, debit, credit,
    amount_mg, reserved_after_mg, used_after_mg, 'mg'
FROM weight_entry WHERE lane = ($2 >> 48)::smallint AND batch_seq = ($2 >> 16) & 4294967295 AND person_key = $1 AND manifest_id = $2
ORDER BY ledger, weight_group
