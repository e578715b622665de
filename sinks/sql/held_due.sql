-- Manifests of lanes ($2) that wait for an account ($1) and need no more of it than is left on the day of their lane ($3), the oldest
-- acceptance first. $5, $6: firms and numbers of the items, $7, $8: roles and codes of the firms and relations that are not active; what
-- has one of them is passed over. $9: the unit an item of stock is counted in; what takes of it in another cannot fit, however much is
-- left, and is passed over too: else it would be in every slice, and what is behind it in none.
SELECT h.waits_for, m.tax_fen, m.lane, m.manifest_id, m.order_hash, m.ebp_code, m.order_no, m.attempt, m.accepted_at, m.trade_mode, m.rule_set,
    m.dutiable_fen, m.tariff_fen, m.consumption_tax_fen, m.vat_fen, m.guarantor_code, m.declarant_code, m.warehouse_code,
    m.customs_code, m.order_partition, m.order_offset, m.payment_partition, m.payment_offset, m.waybill_partition,
    m.waybill_offset, m.person_key
FROM (
    SELECT * FROM (
        SELECT * FROM held WHERE waits_for = $1 AND lane = ANY ($2::smallint[])
            AND amount <= ($3::bigint[])[array_position($2::smallint[], lane)]
        ORDER BY accepted_at, manifest_id OFFSET 0  -- in order first: what is behind the slice is not looked up
    ) w
    WHERE ($9::text IS NULL OR $9 = ALL (
        SELECT unit FROM manifest_line l WHERE l.manifest_id = w.manifest_id AND 'S|' || account_book_item = $1 AND qty_e5 > 0
    ))
    AND (cardinality($5::text[]) + cardinality($7::text[]) = 0 OR NOT EXISTS (
        SELECT FROM manifest m
        WHERE m.order_hash = w.order_hash AND m.ebp_code = w.ebp_code AND m.order_no = w.order_no AND m.attempt = w.attempt AND (
            EXISTS (
                SELECT FROM manifest_line l
                WHERE l.manifest_id = m.manifest_id AND (m.ebc_code, l.item_no) IN (SELECT * FROM unnest($5::text[], $6::text[]))
            ) OR EXISTS (
                SELECT FROM (VALUES ('platform', m.ebp_code), ('ecommerce', m.ebc_code), ('payment', m.pay_code),
                    ('carrier', m.logistics_code), ('declarant', m.declarant_code), ('guarantor', m.guarantor_code),
                    ('warehouse', CASE m.trade_mode WHEN '1210' THEN m.warehouse_code END),
                    ('relation', m.ebp_code || '|' || m.ebc_code)) AS named(role, code)
                WHERE (role, code) IN (SELECT * FROM unnest($7::text[], $8::text[]))
            )
        )
    ))
    ORDER BY accepted_at, manifest_id LIMIT $4
) h JOIN manifest m USING (order_hash, ebp_code, order_no, attempt)
ORDER BY h.accepted_at, h.manifest_id
