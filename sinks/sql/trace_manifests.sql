SELECT m.*, l.published_seq >= m.batch_seq AS published
FROM manifest m JOIN lane l USING (lane)
WHERE m.order_hash = $1 AND m.order_no = $2
ORDER BY m.ebp_code, m.attempt
