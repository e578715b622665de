-- Newest first; each filter is off when null. $3: only those that were sent anew, or only those that were not.
SELECT topic, partition, kafka_offset, log_time, code, reason, length(record_value) AS bytes, record_key IS NOT NULL AS has_key, sent_anew_at
FROM dead_letter
WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR code = $2) AND ($3::boolean IS NULL OR (sent_anew_at IS NOT NULL) = $3)
ORDER BY log_time DESC, topic, partition, kafka_offset DESC
LIMIT $4
