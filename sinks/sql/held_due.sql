-- Manifests of these lanes that wait for an account and need no more of it than so much, the oldest acceptance first.
-- $5, $6: firms and numbers of the items that are recalled; what has one of them is passed over. $7, $8: acceptance and number behind
-- which to begin.
SELECT h.waits_for, m.tax_fen, m.lane, m.manifest_id, m.order_hash, m.ebp_code, m.order_no, m.attempt, m.accepted_at, m.trade_mode, m.rule_set,
    m.dutiable_fen, m.tariff_fen, m.consumption_tax_fen, m.vat_fen, m.guarantor_code, m.declarant_code, m.warehouse_code,
    m.customs_code, m.order_partition, m.order_offset, m.payment_partition, m.payment_offset, m.waybill_partition,
    m.waybill_offset, m.person_key
FROM (
    SELECT * FROM held w WHERE waits_for = $1 AND lane = ANY ($2::smallint[]) AND amount <= $3
        AND (accepted_at, manifest_id) > ($7::timestamptz, $8::bigint)
        AND (cardinality($5::text[]) = 0 OR NOT EXISTS (
            SELECT FROM unnest($5::text[], $6::text[]) AS r(ebc_code, item_no)
                JOIN manifest m USING (ebc_code) JOIN manifest_line l USING (manifest_id, item_no)
            WHERE m.order_hash = w.order_hash AND m.ebp_code = w.ebp_code AND m.order_no = w.order_no AND m.attempt = w.attempt
        ))
    ORDER BY accepted_at, manifest_id LIMIT $4
) h JOIN manifest m USING (order_hash, ebp_code, order_no, attempt)
ORDER BY h.accepted_at, h.manifest_id
