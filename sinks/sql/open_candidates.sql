-- Documents of lanes $1, logged in ($2, $3] of their lane, that no manifest used and no fate met: oldest first, at most $4
-- and those of the same instant. What was decided with its batch is not `waiting`, and of several documents of an order
-- that came together the earliest is looked at: they stay open, or are met, together. LATERAL keeps the planner from hashing whole tables.
SELECT d.lane, d.order_hash, d.log_time
FROM order_documents d
JOIN unnest($1::smallint[], $2::timestamptz[], $3::timestamptz[]) AS due(lane, since, until)
    ON d.lane = due.lane AND d.log_time > due.since AND d.log_time <= due.until
CROSS JOIN LATERAL (VALUES (1, d.order_offset, d.order_logged), (2, d.payment_offset, d.payment_logged),
    (3, d.waybill_offset, d.waybill_logged)) AS earliest(kind, kafka_offset, log_time)
LEFT JOIN LATERAL (
    SELECT true AS met FROM document_fate f
    WHERE f.kind = earliest.kind AND f.partition = d.lane AND f.kafka_offset = earliest.kafka_offset LIMIT 1
) fate ON true
LEFT JOIN LATERAL (
    SELECT true AS used FROM manifest m
    WHERE m.order_hash = d.order_hash
      AND CASE earliest.kind WHEN 1 THEN (m.order_partition, m.order_offset)
                      WHEN 2 THEN (m.payment_partition, m.payment_offset)
                      ELSE (m.waybill_partition, m.waybill_offset)
          END = (d.lane, earliest.kafka_offset) LIMIT 1
) manifest ON true
WHERE d.waiting AND earliest.log_time = d.log_time
  AND d.log_time > (SELECT min(x) FROM unnest($2::timestamptz[]) x)  -- partitions outside are not looked at
  AND d.log_time <= (SELECT max(x) FROM unnest($3::timestamptz[]) x)
  AND met IS NULL AND used IS NULL
ORDER BY d.log_time
FETCH FIRST $4 ROWS WITH TIES
