SELECT kind, partition, kafka_offset, order_hash
FROM document_fate
WHERE order_hash = ANY ($1::bigint[])
