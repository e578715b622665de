-- The version of registry and rules.
SELECT version FROM registry_state
