-- The single-writer lock of a batch: advances only lanes that are still mine and stand where I left them.
-- The locks are taken in lane order first; the caller compares the number of rows.
WITH mine AS MATERIALIZED (
    SELECT lane FROM lane WHERE lane = ANY ($1::smallint[]) ORDER BY lane FOR UPDATE
)
UPDATE lane l
SET batch_seq = l.batch_seq + 1,
    record_time = greatest(l.record_time, t.record_time),
    swept_incomplete = coalesce(t.swept_incomplete, l.swept_incomplete),
    swept_closed = coalesce(t.swept_closed, l.swept_closed),
    look_from = greatest(t.look_from, l.look_from)
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::bigint[])
     AS t(lane, epoch, batch_seq, record_time, swept_incomplete, swept_closed, look_from)
     JOIN mine USING (lane)
WHERE l.lane = t.lane AND l.epoch = t.epoch AND l.batch_seq = t.batch_seq
