-- The next version, when the present one is the expected. Waits for all who hold it (registry_hold.sql), and they that come later for this.
UPDATE registry_state SET version = version + 1 WHERE version = $1
