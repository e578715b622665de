-- All former owners of these lanes are fenced: only the present one is named. Locks in the order of lanes, as lanes_advance takes them.
WITH mine AS MATERIALIZED (
    SELECT lane FROM lane WHERE lane = ANY ($1::smallint[]) AND owner = $2 ORDER BY lane FOR UPDATE
)
UPDATE lane l SET transactional_id = $3 FROM mine WHERE l.lane = mine.lane
