-- What was revised in batches $2 to $3 of lanes $1, in the order it was.
SELECT r.manifest_id, r.revision, r.outcome, r.registry_version, r.lane, r.batch_seq
FROM revision r JOIN unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS t(lane, first, last) USING (lane)
WHERE r.batch_seq BETWEEN t.first AND t.last
ORDER BY r.lane, r.batch_seq, r.manifest_id
