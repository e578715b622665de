-- Everything that was ordered, in its order.
SELECT kafka_offset, revision, version, part, rule_set, share_1e4, by, log_time FROM rule_event ORDER BY kafka_offset
