-- Returns how many there were: all of them, for nobody else owns their lanes.
WITH gone AS (DELETE FROM held WHERE manifest_id = ANY ($1::bigint[]) RETURNING 1) SELECT count(*) FROM gone
