-- Rule sets: their content by its hash, and which of them stood from which version on (docs/decisions.md section 10).

CREATE TABLE rule_set (
    rule_set text PRIMARY KEY,           -- BLAKE2b-128 of content, in hex
    content bytea NOT NULL,              -- its files, packed (schemas/law_pack.py)
    stored_at timestamptz NOT NULL DEFAULT now()       -- database clock, for people only
);

-- Every event of the rules topic that was taken. Versions are those of registry_state.
CREATE TABLE rule_event (
    kafka_offset bigint PRIMARY KEY,     -- -1: what was installed when the first worker started
    revision bigint NOT NULL,
    version bigint NOT NULL,             -- from which on it holds
    part text NOT NULL CHECK (part IN ('live', 'shadow')),
    rule_set text NOT NULL,              -- empty: nothing is tried any more
    share_1e4 integer NOT NULL,          -- of the manifests that are tried
    by text NOT NULL,
    log_time timestamptz NOT NULL,
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL
);
