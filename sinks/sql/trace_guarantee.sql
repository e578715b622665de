-- The row that holds the entry of a manifest: the account's rows are read through, for one manifest that is quick enough.
SELECT entry_no, entries, frozen_after_fen, moved FROM guarantee_entry
WHERE guarantor_code = $1 AND position(int8send($2::bigint) IN moved) > 0
