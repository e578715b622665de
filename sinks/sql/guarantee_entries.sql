-- The last rows of entries of an account, the youngest first.
SELECT entry_no, entries, frozen_after_fen, moved, lane, batch_seq FROM guarantee_entry
WHERE guarantor_code = $1 ORDER BY entry_no DESC LIMIT $2
