-- Codes of the manifests numbered from $1[i] up to $2[i].
SELECT f.manifest_id, f.code
FROM unnest($1::bigint[], $2::bigint[]) AS t(first, until)
     JOIN finding f ON f.manifest_id >= t.first AND f.manifest_id < t.until
