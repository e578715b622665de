-- What was decided in batches $2 to $3 of lanes $1 ($4, $5: lowest and highest of all), in the order it was decided.
SELECT m.manifest_id, m.order_hash, m.ebp_code, m.attempt, m.lane, m.batch_seq, m.registry_version, m.outcome, m.queue, m.taxed,
       m.tax_fen, m.rule_set, m.counters, m.order_partition, m.order_offset, m.payment_partition, m.payment_offset, m.waybill_partition, m.waybill_offset
FROM manifest m JOIN unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS t(lane, first, last) USING (lane)
WHERE m.batch_seq BETWEEN $4 AND $5 AND m.batch_seq BETWEEN t.first AND t.last
ORDER BY m.manifest_id
