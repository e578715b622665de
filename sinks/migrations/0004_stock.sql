-- Stock of account books: one account an item, quantities in 10^-5 of its unit. What was entered in all stands in the registry;
-- what may still be taken is entered + difference - reserved - used.
CREATE TABLE stock_account (
    book_item text COLLATE "C" PRIMARY KEY,
    entry_no integer NOT NULL,           -- running number of the last entry
    reserved_e5 bigint NOT NULL,
    used_e5 bigint NOT NULL,
    difference_e5 bigint NOT NULL,       -- that stock-takes found: what was counted less what the book had
    counts integer NOT NULL              -- stock-takes so far
) WITH (fillfactor = 60);

-- Entries, those of one batch in a row: most batches take of thousands of items. Of the n-th of book_items the entries end with
-- the n-th number, and the balances are those after it. moved has 17 bytes for each entry, by book item in their turns:
-- manifest_id and quantity, big-endian, and 0 when it was reserved, 1 deducted, 2 given back of what was reserved.
CREATE TABLE stock_entry (
    lane smallint,                       -- the lowest of the batch, and its batch_seq
    batch_seq bigint,
    book_items text[] NOT NULL,
    entry_nos integer[] NOT NULL,
    entries integer[] NOT NULL,
    reserved_after_e5 bigint[] NOT NULL,
    used_after_e5 bigint[] NOT NULL,
    moved bytea NOT NULL,
    PRIMARY KEY (lane, batch_seq)
);
ALTER TABLE stock_entry ALTER COLUMN book_items SET STORAGE EXTERNAL, ALTER COLUMN entry_nos SET STORAGE EXTERNAL,
    ALTER COLUMN entries SET STORAGE EXTERNAL, ALTER COLUMN reserved_after_e5 SET STORAGE EXTERNAL,
    ALTER COLUMN used_after_e5 SET STORAGE EXTERNAL, ALTER COLUMN moved SET STORAGE EXTERNAL;

-- Stock-takes: the difference is an entry of its own.
CREATE TABLE stock_count (
    book_item text COLLATE "C",
    entry_no integer,
    kafka_offset bigint NOT NULL,        -- of the event that filed it
    counted_e5 bigint NOT NULL,
    entered_e5 bigint NOT NULL,          -- in all, by then
    used_e5 bigint NOT NULL,
    amount_e5 bigint NOT NULL,           -- what this entry adds to the difference
    difference_after_e5 bigint NOT NULL,
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    PRIMARY KEY (book_item, entry_no)
);

-- What is held waits for one account: of a guarantor (G|code) or of an item of stock (S|book item).
ALTER TABLE held RENAME COLUMN guarantor_code TO waits_for;
ALTER TABLE held RENAME COLUMN amount_fen TO amount;  -- fen, or 10^-5 of the item's unit
UPDATE held SET waits_for = 'G|' || waits_for;
