-- How many manifests each batch decided, of lanes $1 after batch $2 up to $3 ($4: the lowest of $2).
SELECT m.lane, m.batch_seq, count(*)
FROM manifest m JOIN unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS t(lane, after, upto) USING (lane)
WHERE m.batch_seq > $4 AND m.batch_seq > t.after AND m.batch_seq <= t.upto
GROUP BY m.lane, m.batch_seq
