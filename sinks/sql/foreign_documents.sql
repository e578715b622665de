-- Order numbers of my last batch ($1) for which some other lane's worker (lanes not in $2) stored a document: of two
-- workers that store parts of one order at the same moment, the last to commit sees both. Two documents in different
-- lanes are not both at home, so those that came at home ($1) have to be looked up among the astray ones only;
-- $3: those of mine that came astray.
SELECT order_hash FROM order_documents WHERE order_hash = ANY ($1::bigint[]) AND astray AND lane <> ALL ($2::smallint[])
UNION
SELECT order_hash FROM order_documents WHERE order_hash = ANY ($3::bigint[]) AND lane <> ALL ($2::smallint[])
