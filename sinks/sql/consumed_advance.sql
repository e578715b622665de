-- Positions move only from where this worker left them: a record can never be taken twice.
UPDATE consumed c SET next_offset = t.next_offset
FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[]) AS t(topic, partition, expected, next_offset)
WHERE c.topic = t.topic AND c.partition = t.partition AND c.next_offset = t.expected
