-- Newest first; each filter is off when null, or false. $3: only those that were not sent anew.
SELECT topic, partition, kafka_offset, log_time, code, reason, length(record_value) AS bytes, record_key IS NOT NULL AS has_key, sent_anew_at
FROM dead_letter
WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR code = $2) AND (NOT $3::boolean OR sent_anew_at IS NULL)
ORDER BY log_time DESC, topic, partition, kafka_offset DESC
LIMIT $4
