-- A topic-partition seen for the first time starts where the caller says.
INSERT INTO consumed (topic, partition, lane, topic_id, next_offset)
SELECT * FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[], $5::bigint[])
ON CONFLICT DO NOTHING
