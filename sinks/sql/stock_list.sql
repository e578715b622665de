-- Accounts that stand, of one item if it is named.
SELECT book_item, entry_no, reserved_e5, used_e5, difference_e5, counts FROM stock_account
WHERE $1::text IS NULL OR book_item = $1 ORDER BY book_item
