-- What was held may be rejected later: what it took is given back (docs/decisions.md section 12).

ALTER TABLE revision DROP CONSTRAINT revision_outcome_check, ADD CONSTRAINT revision_outcome_check CHECK (outcome IN ('RELEASE', 'REJECT'));
ALTER TABLE quota_entry DROP CONSTRAINT quota_entry_movement_check, ADD CONSTRAINT quota_entry_movement_check CHECK (movement IN ('reserve', 'confirm', 'restore'));
ALTER TABLE weight_entry DROP CONSTRAINT weight_entry_movement_check, ADD CONSTRAINT weight_entry_movement_check CHECK (movement IN ('reserve', 'confirm', 'restore'));
