-- $1 order number. What a draw goes by, and the sample that was found.
SELECT ebp_code, order_no, ebc_code, attempt, outcome, trade_mode, decision_id, registry_version, rule_set,
       (accepted_at AT TIME ZONE 'Asia/Shanghai')::date AS accepted_on,
       ARRAY(SELECT hs_code FROM manifest_line l WHERE l.manifest_id = m.manifest_id ORDER BY line_no) AS hs_codes,
       ARRAY(SELECT item_no FROM manifest_line l WHERE l.manifest_id = m.manifest_id ORDER BY line_no) AS item_nos,
       (SELECT code FROM finding f WHERE f.manifest_id = m.manifest_id AND f.code IN ('SMP-01', 'SMP-02')) AS found
FROM manifest m
WHERE order_hash = ANY (SELECT order_hash FROM order_documents WHERE order_no = $1) AND order_no = $1
ORDER BY ebp_code, attempt
