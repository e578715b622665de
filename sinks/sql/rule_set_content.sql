SELECT content FROM rule_set WHERE rule_set = $1
