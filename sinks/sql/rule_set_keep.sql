-- Its content under its hash, unless it is there.
INSERT INTO rule_set (rule_set, content) VALUES ($1, $2) ON CONFLICT DO NOTHING
