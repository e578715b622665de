-- The next version, when the present one is the expected.
UPDATE registry_state SET version = version + 1 WHERE version = $1
