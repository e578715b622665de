SELECT book_item, entry_no, reserved_e5, used_e5, difference_e5 FROM stock_account WHERE book_item = ANY ($1::text[])
