-- Order numbers of the last batch of a lane, to be looked at again by whoever claims it.
SELECT DISTINCT order_hash FROM document WHERE lane = $1 AND batch_seq = $2
