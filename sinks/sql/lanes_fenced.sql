-- All former owners of these lanes are fenced: only the present one is named.
UPDATE lane SET transactional_id = $3 WHERE lane = ANY ($1::smallint[]) AND owner = $2
