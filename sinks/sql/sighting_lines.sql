-- Registered lines of manifests $1, sorted.
SELECT manifest_id, hs_code, unit, qty_e5 FROM manifest_line WHERE manifest_id = ANY ($1::bigint[]) AND hs_code <> ''
