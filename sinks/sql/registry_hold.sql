-- The registry's version, held until this transaction ends: who wants to change it waits for us, and we for him.
SELECT version FROM registry_state FOR SHARE
