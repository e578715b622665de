-- Whether less than an eighth was left when it was last taken from, or it was counted since: then it is read before a batch
-- takes of it.
ALTER TABLE stock_account ADD COLUMN low boolean NOT NULL DEFAULT true;  -- of what stands nobody knows
ALTER TABLE stock_account ALTER COLUMN low SET DEFAULT false;
CREATE INDEX stock_account_low ON stock_account (book_item) WHERE low;
