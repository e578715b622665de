UPDATE lane SET released = true
WHERE lane = ANY ($1::smallint[]) AND owner = $2 AND published_seq = batch_seq
