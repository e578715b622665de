-- Up to when published messages were dropped; no row: all are kept.
SELECT before FROM dropped WHERE table_name = 'outbox'
