SELECT rule_set, stored_at, octet_length(content) AS bytes FROM rule_set ORDER BY stored_at, rule_set
