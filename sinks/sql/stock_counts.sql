SELECT entry_no, counted_e5, entered_e5, used_e5, amount_e5, difference_after_e5 FROM stock_count
WHERE book_item = $1 ORDER BY entry_no DESC LIMIT $2
