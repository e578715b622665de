SELECT lane, batch_seq, messages FROM outbox WHERE lane = $1 AND batch_seq = $2
