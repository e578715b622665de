-- Those at these places, in the order asked for; what is not there has no row.
SELECT topic, partition, kafka_offset, d.log_time, d.record_key, d.record_value, d.headers, d.code, d.reason, d.lane, d.batch_seq, d.sent_anew_at
FROM unnest($1::text[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS asked(topic, partition, kafka_offset, place)
JOIN dead_letter d USING (topic, partition, kafka_offset)
ORDER BY asked.place
