-- Copies what Kafka committed; only while the lane is still the caller's.
UPDATE lane l SET published_seq = greatest(l.published_seq, t.seq)
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS t(lane, epoch, seq)
WHERE l.lane = t.lane AND l.epoch = t.epoch
