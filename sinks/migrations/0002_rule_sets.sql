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

-- What the rule set that is tried came to beside the live one, one row a batch that tried it (docs/decisions.md section 10).
CREATE TABLE shadow_batch (
    lane smallint,                       -- the lowest of the batch
    batch_seq bigint,
    version bigint NOT NULL,             -- says which set was live and which was tried
    manifests integer NOT NULL,          -- that were tried
    failed integer NOT NULL,             -- chosen, and could not be tried
    outcomes text NOT NULL,              -- JSON: "live>tried" -> manifests
    codes text NOT NULL,                 -- JSON: code -> [both found it, the live alone, the tried alone]
    differing text NOT NULL,             -- JSON: some that differ, [ebpCode, orderNo, attempt, live, tried, codes of the live alone, of the tried alone]
    PRIMARY KEY (lane, batch_seq)
);
