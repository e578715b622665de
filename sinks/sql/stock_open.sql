-- Accounts of items that have none yet, in key order: as they are filed, so that taking of them is nothing but an update.
INSERT INTO stock_account (book_item, entry_no, reserved_e5, used_e5, difference_e5, counts)
SELECT book_item, 0, 0, 0, 0, 0 FROM unnest($1::text[]) AS t(book_item) ORDER BY book_item COLLATE "C"
ON CONFLICT (book_item) DO NOTHING
