-- Adds what a batch takes to the stock, in key order (every writer's order: no deadlock), its entries in one row, and after them
-- what was counted (counted_e5 -1: not counted). Returns the items that do not admit it any more.
WITH wanted AS (
    SELECT *, row_number() OVER () AS n
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
        AS t(book_item, entries, reserved_e5, used_e5, most_taken_e5, counted_e5, entered_e5, kafka_offset)
), taken AS (
    INSERT INTO stock_account AS a (book_item, entry_no, reserved_e5, used_e5, difference_e5, counts)
    SELECT book_item, entries + (counted_e5 >= 0)::integer, reserved_e5, used_e5,
        CASE WHEN counted_e5 >= 0 THEN counted_e5 - entered_e5 + used_e5 ELSE 0 END, (counted_e5 >= 0)::integer
    FROM wanted ORDER BY book_item COLLATE "C"
    ON CONFLICT (book_item) DO UPDATE SET
        entry_no = a.entry_no + excluded.entry_no, reserved_e5 = a.reserved_e5 + excluded.reserved_e5,
        used_e5 = a.used_e5 + excluded.used_e5, counts = a.counts + excluded.counts,
        difference_e5 = CASE excluded.counts WHEN 0 THEN a.difference_e5 ELSE excluded.difference_e5 + a.used_e5 END
    RETURNING book_item, entry_no, reserved_e5, used_e5, difference_e5, coalesce(old.difference_e5, 0) AS difference_before_e5
), both_sides AS (
    SELECT n, book_item, w.entries, w.most_taken_e5, w.counted_e5, w.entered_e5, w.kafka_offset,
        t.entry_no, t.reserved_e5, t.used_e5, t.difference_e5, w.reserved_e5 + w.used_e5 AS took_e5, t.difference_before_e5
    FROM taken t JOIN wanted w USING (book_item) ORDER BY n
), written AS (
    INSERT INTO stock_entry (lane, batch_seq, book_items, entry_nos, entries, reserved_after_e5, used_after_e5, moved)
    SELECT $9, $10, array_agg(book_item), array_agg(entry_no - (counted_e5 >= 0)::integer), array_agg(entries),
        array_agg(reserved_e5), array_agg(used_e5), $11::bytea
    FROM both_sides WHERE entries > 0 HAVING count(*) > 0
), counted AS (
    INSERT INTO stock_count
    SELECT book_item, entry_no, kafka_offset, counted_e5, entered_e5, used_e5, difference_e5 - difference_before_e5, difference_e5, $9, $10
    FROM both_sides WHERE counted_e5 >= 0
)
SELECT book_item FROM both_sides WHERE entries > 0 AND reserved_e5 + used_e5 - took_e5 - difference_before_e5 > most_taken_e5
