-- Documents of a lane logged in ($2, $3] that no manifest used and no fate met, oldest first, at most $4 of them.
SELECT d.order_hash, d.log_time
FROM document d
WHERE d.lane = $1 AND d.log_time > $2 AND d.log_time <= $3
  AND NOT EXISTS (SELECT FROM document_fate f
                  WHERE f.kind = d.kind AND f.partition = d.partition AND f.kafka_offset = d.kafka_offset)
  AND NOT EXISTS (SELECT FROM manifest m
                  WHERE m.order_hash = d.order_hash
                    AND CASE d.kind WHEN 1 THEN (m.order_partition, m.order_offset)
                                    WHEN 2 THEN (m.payment_partition, m.payment_offset)
                                    ELSE (m.waybill_partition, m.waybill_offset)
                        END = (d.partition, d.kafka_offset))
ORDER BY d.log_time
FETCH FIRST $4 ROWS WITH TIES
