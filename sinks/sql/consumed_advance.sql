UPDATE consumed c SET next_offset = t.next_offset
FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS t(topic, partition, next_offset)
WHERE c.topic = t.topic AND c.partition = t.partition
