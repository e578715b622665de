-- Newest first; each filter is off when null.
SELECT topic, partition, kafka_offset, log_time, code, reason, length(record_value) AS bytes, record_key IS NOT NULL AS has_key
FROM dead_letter
WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR code = $2)
ORDER BY log_time DESC, topic, partition, kafka_offset DESC
LIMIT $3
