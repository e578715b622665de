-- Of the items at hand ($1, sorted) those of which more is taken than leaves room for the batch ($2), as they stand.
SELECT a.book_item, a.entry_no, a.reserved_e5, a.used_e5, a.difference_e5
FROM unnest($1::text[], $2::bigint[]) AS wanted(book_item, most_taken_e5) JOIN stock_account a USING (book_item)
WHERE a.reserved_e5 + a.used_e5 - a.difference_e5 > wanted.most_taken_e5
