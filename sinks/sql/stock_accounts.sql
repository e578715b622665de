-- Items of stock as they stand: those of $1, and of $2 those that are low.
SELECT book_item, entry_no, reserved_e5, used_e5, difference_e5 FROM stock_account WHERE book_item = ANY ($1::text[])
UNION
SELECT book_item, entry_no, reserved_e5, used_e5, difference_e5 FROM stock_account WHERE low AND book_item = ANY ($2::text[])
