-- Copies what Kafka committed; only while the lane is still the caller's. Locks in the order of lanes, as lanes_advance takes them.
WITH mine AS MATERIALIZED (
    SELECT l.lane, t.seq
    FROM lane l JOIN unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS t(lane, epoch, seq) ON l.lane = t.lane AND l.epoch = t.epoch
    ORDER BY l.lane FOR UPDATE OF l
)
UPDATE lane l SET published_seq = greatest(l.published_seq, mine.seq) FROM mine WHERE l.lane = mine.lane
