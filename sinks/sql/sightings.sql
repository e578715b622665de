-- Sightings of persons $1, phones $2 and addresses $3, sorted, accepted in ($4, $5]; and, of the same moment, how far each
-- lane was. One byte string a row, all of one length, as sinks/seen.py takes them apart.
SELECT '\x01'::bytea || int8send(lane) || int8send(batch_seq) || '\x000000000000000000000000000000000000000000000000000000000000000000000000000000' FROM lane
UNION ALL
SELECT '\x00'::bytea || int8send(person) || int8send(phone) || int8send(address) || int8send(order_hash) || timestamptz_send(accepted_at)
    || int8send(manifest_id) || int4send(pay_firm) || boolsend(of_person) || boolsend(of_phone) || boolsend(of_address)
FROM sighting
WHERE accepted_at > $4 AND accepted_at <= $5
  AND (of_person AND person = ANY ($1::bigint[]) OR of_phone AND phone = ANY ($2::bigint[])
       OR of_address AND address = ANY ($3::bigint[]))
