-- Order numbers of the last three batches of a lane, to be looked at again by whoever claims it: what came astray is
-- looked at two batches later than the rest. After each there may have been two that revised decisions: nine.
SELECT DISTINCT order_hash FROM order_documents WHERE lane = $1 AND batch_seq BETWEEN $2::bigint - 8 AND $2::bigint
