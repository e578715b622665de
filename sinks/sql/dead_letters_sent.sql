-- These were sent anew just now.
UPDATE dead_letter d SET sent_anew_at = now()
FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS s(topic, partition, kafka_offset)
WHERE (d.topic, d.partition, d.kafka_offset) = (s.topic, s.partition, s.kafka_offset)
