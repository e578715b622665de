SELECT person_key, year, entry_no, movement, debit, credit, amount_fen, reserved_after_fen, used_after_fen
FROM quota_entry WHERE person_key = $1 AND manifest_id = $2
