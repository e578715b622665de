-- Newest decisions first; each filter is off when null.
SELECT m.ebp_code, m.order_no, m.attempt, m.outcome, m.queue, m.return_status, m.trade_mode, m.accepted_at,
       m.dutiable_fen, m.tax_fen, (SELECT r.outcome FROM revision r WHERE r.manifest_id = m.manifest_id ORDER BY r.revision DESC LIMIT 1) AS revised,
       coalesce((SELECT array_agg(f.code ORDER BY f.code) FROM finding f WHERE f.manifest_id = m.manifest_id), '{}') AS codes
FROM manifest m
WHERE ($1::text IS NULL OR m.outcome = $1) AND ($2::text IS NULL OR m.queue = $2) AND ($3::text IS NULL OR m.ebp_code = $3)
  AND ($4::text IS NULL OR EXISTS (SELECT FROM finding f WHERE f.manifest_id = m.manifest_id AND f.code = $4))
ORDER BY m.accepted_at DESC
LIMIT $5
