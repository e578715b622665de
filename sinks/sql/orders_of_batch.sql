-- Order numbers of the last two batches of a lane, to be looked at again by whoever claims it: what came astray is looked
-- at one batch later than the rest.
SELECT DISTINCT order_hash FROM document WHERE lane = $1 AND batch_seq IN ($2::bigint, $2::bigint - 1)
