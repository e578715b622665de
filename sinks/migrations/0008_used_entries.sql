-- Entries of what is used at once, which most manifests are: those of one lane and batch in a row (docs/adr/0019). In rows of
-- their own stay those of what is held (reserved, then used or available again), and all from before this migration.

ALTER TABLE quota_entry RENAME TO quota_held_entry;
ALTER TABLE weight_entry RENAME TO weight_held_entry;

-- The n-th entry is the n-th of each array; they are ordered by account and entry_no.
CREATE TABLE quota_used_entries (
    lane smallint,
    batch_seq bigint,
    person_keys bytea[] NOT NULL,
    years smallint[] NOT NULL,
    entry_nos integer[] NOT NULL,
    manifest_ids bigint[] NOT NULL,
    amounts_fen bigint[] NOT NULL,
    reserved_after_fen bigint[] NOT NULL,
    used_after_fen bigint[] NOT NULL,
    PRIMARY KEY (lane, batch_seq)
);
CREATE TABLE weight_used_entries (
    lane smallint,
    batch_seq bigint,
    person_keys bytea[] NOT NULL,
    years smallint[] NOT NULL,
    weight_groups text[] NOT NULL,
    entry_nos integer[] NOT NULL,
    manifest_ids bigint[] NOT NULL,
    amounts_mg bigint[] NOT NULL,
    reserved_after_mg bigint[] NOT NULL,
    used_after_mg bigint[] NOT NULL,
    PRIMARY KEY (lane, batch_seq)
);
ALTER TABLE quota_used_entries ALTER person_keys SET STORAGE EXTERNAL, ALTER years SET STORAGE EXTERNAL,
    ALTER entry_nos SET STORAGE EXTERNAL, ALTER manifest_ids SET STORAGE EXTERNAL, ALTER amounts_fen SET STORAGE EXTERNAL,
    ALTER reserved_after_fen SET STORAGE EXTERNAL, ALTER used_after_fen SET STORAGE EXTERNAL;
ALTER TABLE weight_used_entries ALTER person_keys SET STORAGE EXTERNAL, ALTER years SET STORAGE EXTERNAL,
    ALTER weight_groups SET STORAGE EXTERNAL, ALTER entry_nos SET STORAGE EXTERNAL, ALTER manifest_ids SET STORAGE EXTERNAL,
    ALTER amounts_mg SET STORAGE EXTERNAL, ALTER reserved_after_mg SET STORAGE EXTERNAL, ALTER used_after_mg SET STORAGE EXTERNAL;

-- The entries one by one; lane and batch_seq: of the manifest.
CREATE VIEW quota_entry AS
SELECT (manifest_id >> 48)::smallint AS lane, (manifest_id >> 16) & 4294967295 AS batch_seq,
    person_key, year, entry_no, manifest_id, movement, debit, credit, amount_fen, reserved_after_fen, used_after_fen
FROM quota_held_entry
UNION ALL
SELECT u.lane, u.batch_seq, e.person_key, e.year, e.entry_no, e.manifest_id, 'confirm', 'available', 'used', e.amount_fen, e.reserved_after, e.used_after
FROM quota_used_entries u CROSS JOIN LATERAL unnest(
    u.person_keys, u.years, u.entry_nos, u.manifest_ids, u.amounts_fen, u.reserved_after_fen, u.used_after_fen
) AS e(person_key, year, entry_no, manifest_id, amount_fen, reserved_after, used_after);

CREATE VIEW weight_entry AS
SELECT (manifest_id >> 48)::smallint AS lane, (manifest_id >> 16) & 4294967295 AS batch_seq,
    person_key, year, weight_group, entry_no, manifest_id, movement, debit, credit, amount_mg, reserved_after_mg, used_after_mg
FROM weight_held_entry
UNION ALL
SELECT u.lane, u.batch_seq, e.person_key, e.year, e.weight_group, e.entry_no, e.manifest_id, 'confirm', 'available', 'used', e.amount_mg, e.reserved_after, e.used_after
FROM weight_used_entries u CROSS JOIN LATERAL unnest(
    u.person_keys, u.years, u.weight_groups, u.entry_nos, u.manifest_ids, u.amounts_mg, u.reserved_after_mg, u.used_after_mg
) AS e(person_key, year, weight_group, entry_no, manifest_id, amount_mg, reserved_after, used_after);
