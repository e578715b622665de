-- Order numbers of a lane's batches from this one on ($2, lane.look_from), to be looked at again by whoever claims it.
SELECT DISTINCT order_hash FROM order_documents WHERE lane = $1 AND batch_seq >= $2::bigint
