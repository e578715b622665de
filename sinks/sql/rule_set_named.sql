-- Those whose hash begins so.
SELECT rule_set FROM rule_set WHERE starts_with(rule_set, $1) ORDER BY rule_set
