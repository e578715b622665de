-- Documents of batches from this one on are looked at again by whoever claims the lane. Batches that revise decisions do not count:
-- there can be any number of them between two that take documents.
ALTER TABLE lane ADD COLUMN look_from bigint NOT NULL DEFAULT 0;
UPDATE lane SET look_from = greatest(batch_seq - 8, 0);  -- as before
