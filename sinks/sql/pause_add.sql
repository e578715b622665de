-- That a topic was recreated is kept whatever it was paused for before: its positions are those of another topic.
INSERT INTO partition_pause AS p (topic, partition, code, since, detail) VALUES ($1, $2, $3, now(), $4)
ON CONFLICT (topic, partition) DO UPDATE SET code = excluded.code, detail = excluded.detail
WHERE excluded.code = 'LANE-01' AND p.code <> 'LANE-01'
