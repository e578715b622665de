-- Manifests of these lanes and order numbers that are held and were decided so ($3), and whether they have taken of guarantee and stock.
SELECT NOT EXISTS (SELECT FROM finding f WHERE f.manifest_id = m.manifest_id AND f.code IN
        ('PAY-03', 'WAY-06', 'LIM-03', 'LIM-04', 'GUA-01', 'GUA-02', 'STK-01', 'STK-02')), m.tax_fen,
    m.lane, m.manifest_id, m.order_hash, m.ebp_code, m.order_no, m.attempt, m.accepted_at, m.trade_mode, m.rule_set,
    m.dutiable_fen, m.tariff_fen, m.consumption_tax_fen, m.vat_fen, m.guarantor_code, m.declarant_code, m.warehouse_code,
    m.customs_code, m.order_partition, m.order_offset, m.payment_partition, m.payment_offset, m.waybill_partition,
    m.waybill_offset, m.person_key
FROM manifest m
WHERE m.order_hash = ANY ($1::bigint[]) AND m.lane = ANY ($2::smallint[]) AND m.decision_id = ANY ($3::bytea[]) AND m.outcome = 'HOLD'
    AND NOT EXISTS (SELECT FROM revision r WHERE r.manifest_id = m.manifest_id)
ORDER BY m.accepted_at, m.manifest_id LIMIT $4
