-- What is held waits for another account from now on.
UPDATE held h SET waits_for = w.waits_for, amount = w.amount
FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w(manifest_id, waits_for, amount)
WHERE h.manifest_id = w.manifest_id
