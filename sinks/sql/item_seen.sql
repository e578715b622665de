-- $1 firm, $2 item, $3 days: what with the item was accepted lately and is not rejected, the latest first, as it stands now.
SELECT m.ebp_code, m.order_no, m.attempt, m.accepted_at, coalesce(r.outcome, m.outcome) AS outcome,
    CASE WHEN r.outcome IS NULL THEN m.queue ELSE '' END AS queue
FROM manifest m LEFT JOIN revision r USING (manifest_id)
WHERE m.accepted_at >= (SELECT max(record_time) FROM lane) - make_interval(days => $3) AND m.ebc_code = $1
    AND coalesce(r.outcome, m.outcome) <> 'REJECT'
    AND EXISTS (SELECT FROM manifest_line l WHERE l.manifest_id = m.manifest_id AND l.item_no = $2)
ORDER BY m.accepted_at DESC, m.manifest_id DESC
