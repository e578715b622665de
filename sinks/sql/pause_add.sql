INSERT INTO partition_pause (topic, partition, code, since, detail) VALUES ($1, $2, $3, now(), $4)
ON CONFLICT DO NOTHING
