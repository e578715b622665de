SELECT order_hash, ebp_code, order_no, attempt, outcome, fault_kinds,
       order_partition, order_offset, order_digest,
       payment_partition, payment_offset, payment_digest,
       waybill_partition, waybill_offset, waybill_digest
FROM manifest
WHERE order_hash = ANY ($1::bigint[])
