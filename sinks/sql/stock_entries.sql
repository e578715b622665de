-- The rows that have entries of an item, the youngest first: all rows are read through, of the batches of three years.
SELECT book_items, entry_nos, entries, reserved_after_e5, used_after_e5, moved, lane, batch_seq FROM stock_entry
WHERE $1 = ANY (book_items) ORDER BY batch_seq DESC LIMIT $2
