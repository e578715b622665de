SELECT d.ebp_code, d.kind, d.partition, d.kafka_offset, d.log_time, d.lane, d.batch_seq, length(d.value) AS bytes,
       f.fate, f.code, f.by_partition, f.by_offset, f.attempt,
       f.lane AS fate_lane, f.batch_seq AS fate_batch_seq
FROM document d LEFT JOIN document_fate f USING (kind, partition, kafka_offset)
WHERE d.order_hash = $1 AND d.order_no = $2
ORDER BY d.log_time, d.kind, d.partition, d.kafka_offset
