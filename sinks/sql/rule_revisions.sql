-- The highest revision of the events taken, by part.
SELECT part, max(revision) AS revision FROM rule_event GROUP BY part
