-- Order numbers of my last batch ($1) for which some other lane's worker stored a document:
-- of two workers that store parts of one order at the same moment, the last to commit sees both.
SELECT DISTINCT order_hash
FROM document
WHERE order_hash = ANY ($1::bigint[]) AND lane <> ALL ($2::smallint[])
