-- From here to its end nobody changes the registry but after this transaction. A table's lock and not the row's: those who hold a
-- row together let others join them before one who waits to change it, who then may wait for ever.
LOCK TABLE registry_state IN SHARE MODE
