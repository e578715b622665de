SELECT content FROM rule_set
