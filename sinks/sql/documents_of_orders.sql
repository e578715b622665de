-- Every document stored under the order numbers at hand ($1: order_hash array), but for those the caller holds already:
-- of lane $2[i] all from batch $3[i] on, unless of an order number in $4. One byte string each, as sinks/stored.py takes it apart.
SELECT int8send(d.order_hash) || int2send(d.kind) || int2send(d.partition) || int8send(d.kafka_offset)
    || timestamptz_send(d.log_time) || d.value
FROM document d LEFT JOIN unnest($2::smallint[], $3::bigint[]) AS held(lane, seq) ON held.lane = d.lane
WHERE d.order_hash = ANY ($1::bigint[]) AND (held.seq IS NULL OR d.batch_seq < held.seq OR d.order_hash = ANY ($4::bigint[]))
