-- Every document stored under the order numbers at hand ($1: order_hash array).
SELECT order_hash, ebp_code, order_no, kind, partition, kafka_offset, log_time, digest, value
FROM document
WHERE order_hash = ANY ($1::bigint[])
