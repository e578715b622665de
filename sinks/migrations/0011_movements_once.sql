-- A manifest is reserved once on an account, and once confirmed or restored: what was moved twice would be money that nobody has.
CREATE UNIQUE INDEX quota_held_entry_movement ON quota_held_entry (manifest_id, (movement = 'reserve'));
CREATE UNIQUE INDEX weight_held_entry_movement ON weight_held_entry (manifest_id, weight_group, (movement = 'reserve'));
