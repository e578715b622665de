-- Order numbers with a document that no manifest used and no fate met, oldest first ($1: platform or null, $2: at most).
SELECT d.order_hash
FROM document d
WHERE d.waiting AND ($1::text IS NULL OR d.ebp_code = $1)
  AND NOT EXISTS (SELECT FROM document_fate f
                  WHERE f.kind = d.kind AND f.partition = d.partition AND f.kafka_offset = d.kafka_offset)
  AND NOT EXISTS (SELECT FROM manifest m
                  WHERE m.order_hash = d.order_hash
                    AND CASE d.kind WHEN 1 THEN (m.order_partition, m.order_offset)
                                    WHEN 2 THEN (m.payment_partition, m.payment_offset)
                                    ELSE (m.waybill_partition, m.waybill_offset)
                        END = (d.partition, d.kafka_offset))
GROUP BY d.order_hash
ORDER BY min(d.log_time)
LIMIT $2
