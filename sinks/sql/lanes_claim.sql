-- Claim a lane: from here on its former owner's batches fail their compare-and-set. Whoever is still to be fenced in
-- Kafka stays named behind the new owner: should the claimer die before it has, the next one does.
INSERT INTO lane AS l (lane, epoch, owner, transactional_id, released, batch_seq, published_seq)
SELECT lane, 1, $2, $3, false, 0, 0 FROM unnest($1::smallint[]) AS t(lane)
ORDER BY lane
ON CONFLICT (lane) DO UPDATE SET epoch = l.epoch + 1, owner = $2, released = false,
    transactional_id = $3 || CASE WHEN l.released THEN '' ELSE ' ' || l.transactional_id END
RETURNING lane, epoch, batch_seq, published_seq, record_time, swept_incomplete, swept_closed, look_from
