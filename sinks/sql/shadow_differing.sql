-- Some of the manifests that differ, of the last batches first.
SELECT value AS manifest FROM shadow_batch, json_array_elements(differing::json)
WHERE version >= $1 ORDER BY version DESC, batch_seq DESC, lane LIMIT $2
