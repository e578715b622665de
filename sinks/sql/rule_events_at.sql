-- The events that hold at a version: of each part the last one.
SELECT DISTINCT ON (part) part, rule_set, share_1e4, version FROM rule_event WHERE version <= $1 ORDER BY part, kafka_offset DESC
