-- When `tidegate dead-letters replay` sent the record again, by the database's clock; null: never. What still cannot be read comes
-- back as a dead letter of its own.
ALTER TABLE dead_letter ADD COLUMN sent_anew_at timestamptz;
