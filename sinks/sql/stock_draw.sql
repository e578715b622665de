-- Adds what a batch takes to the stock, in key order (every writer's order: no deadlock), its entries in one row, and after them
-- what was counted (counted_e5 -1: not counted). Returns how many items there were, and those that do not admit it any more.
WITH wanted AS (
    SELECT *
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
        AS t(book_item, entries, reserved_e5, used_e5, most_taken_e5, counted_e5, entered_e5, kafka_offset)
    ORDER BY book_item COLLATE "C"
), taken AS (
    UPDATE stock_account a SET
        entry_no = a.entry_no + w.entries + (w.counted_e5 >= 0)::integer, counts = a.counts + (w.counted_e5 >= 0)::integer,
        reserved_e5 = a.reserved_e5 + w.reserved_e5, used_e5 = a.used_e5 + w.used_e5,
        difference_e5 = CASE WHEN w.counted_e5 < 0 THEN a.difference_e5 ELSE w.counted_e5 - w.entered_e5 + a.used_e5 + w.used_e5 END,
        low = w.counted_e5 >= 0
            OR w.most_taken_e5 - a.reserved_e5 - a.used_e5 + a.difference_e5 < (w.most_taken_e5 + w.reserved_e5 + w.used_e5) / 8
    FROM wanted w WHERE a.book_item = w.book_item
    RETURNING a.book_item, a.entry_no, a.reserved_e5, a.used_e5, a.difference_e5, old.difference_e5 AS difference_before_e5,
        old.reserved_e5 + old.used_e5 - old.difference_e5 AS taken_before_e5, w.entries, w.most_taken_e5, w.counted_e5, w.entered_e5,
        w.kafka_offset
), written AS (
    INSERT INTO stock_entry (lane, batch_seq, book_items, entry_nos, entries, reserved_after_e5, used_after_e5, moved)
    SELECT $9, $10, array_agg(book_item), array_agg(entry_no - (counted_e5 >= 0)::integer), array_agg(entries),
        array_agg(reserved_e5), array_agg(used_e5), $11::bytea
    FROM (SELECT * FROM taken WHERE entries > 0 ORDER BY book_item COLLATE "C") t HAVING count(*) > 0
), counted AS (
    INSERT INTO stock_count
    SELECT book_item, entry_no, kafka_offset, counted_e5, entered_e5, used_e5, difference_e5 - difference_before_e5, difference_e5, $9, $10
    FROM taken WHERE counted_e5 >= 0
)
SELECT count(*), coalesce(array_agg(book_item) FILTER (WHERE entries > 0 AND taken_before_e5 > most_taken_e5), '{}') FROM taken
