-- Claim a lane: from here on its former owner's batches fail their compare-and-set.
INSERT INTO lane AS l (lane, epoch, owner, transactional_id, released, batch_seq, published_seq)
SELECT lane, 1, $2, $3, false, 0, 0 FROM unnest($1::smallint[]) AS t(lane)
ORDER BY lane
ON CONFLICT (lane) DO UPDATE SET epoch = l.epoch + 1, owner = $2, transactional_id = $3, released = false
RETURNING lane, epoch, batch_seq, published_seq, record_time, swept_incomplete, swept_closed
