-- Waiting batches of one lane in order, at most $3 of them.
SELECT batch_seq, message_count, messages
FROM outbox
WHERE lane = $1 AND batch_seq > $2
ORDER BY batch_seq
LIMIT $3
