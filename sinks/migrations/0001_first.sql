-- Tidegate, first schema. Kinds: 1 order, 2 payment, 3 waybill. Money in fen, _e5 columns in 10^-5 units.
-- What is kept where and how long: docs/architecture.md.

-- One row a lane: its compare-and-set lock. epoch grows with each claim, batch_seq with each batch.
CREATE TABLE lane (
    lane smallint PRIMARY KEY,
    epoch bigint NOT NULL,
    owner text NOT NULL,                 -- worker process that claimed last
    transactional_id text NOT NULL,      -- of that worker's relay; behind it those still to be fenced
    released boolean NOT NULL,           -- given back cleanly, nothing unpublished left
    batch_seq bigint NOT NULL,
    published_seq bigint NOT NULL,
    record_time timestamptz,             -- highest log time seen: the lane's clock
    swept_incomplete timestamptz,        -- documents logged up to here were looked at after incomplete_after_seconds
    swept_closed timestamptz
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE consumed (
    topic text,
    partition smallint,
    lane smallint NOT NULL REFERENCES lane,
    topic_id text NOT NULL,              -- Kafka's id of the topic: another id is another topic
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE partition_pause (
    topic text,
    partition smallint,
    code text NOT NULL,
    since timestamptz NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- The registry's version: each batch holds it while it commits, and a batch that changes the registry raises it.
CREATE TABLE registry_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version bigint NOT NULL
);
INSERT INTO registry_state (version) VALUES (0);

-- Every event of the registry topic that was taken, as it came; of a key the highest revision holds.
CREATE TABLE registry_entry (
    kafka_offset bigint PRIMARY KEY,
    key text NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,             -- from which on it holds
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    value bytea NOT NULL
);
CREATE INDEX registry_entry_key ON registry_entry (key, revision);
CREATE INDEX registry_entry_version ON registry_entry (version);

-- Every document that decoded, as it came: open orders are looked up here, auditors read it for three years.
-- Append only; never updated, never deleted, partitions are dropped. Those of one order number that came with one batch lie in
-- one row, one of each kind, and further ones of a kind in further rows; what was left open never with what was not.
CREATE TABLE order_documents (
    order_hash bigint NOT NULL,          -- first 8 bytes of BLAKE2b-128 of orderNo, so that a waybill without ebpCode is found too
    ebp_code text NOT NULL,
    order_no text NOT NULL,
    lane smallint NOT NULL,              -- by which it came: the partition of each of them
    batch_seq bigint NOT NULL,
    log_time timestamptz NOT NULL,       -- of the first of them
    astray boolean NOT NULL,             -- not in the partition its key belongs to, or without a platform in its key
    waiting boolean NOT NULL,            -- left open by the batch it came with; of several rows of one order the first alone
    order_offset bigint,
    order_logged timestamptz,
    order_value bytea,
    payment_offset bigint,
    payment_logged timestamptz,
    payment_value bytea,
    waybill_offset bigint,
    waybill_logged timestamptz,
    waybill_value bytea
) PARTITION BY RANGE (log_time);
CREATE TABLE order_documents_rest PARTITION OF order_documents DEFAULT WITH (toast_tuple_target = 8160);
CREATE INDEX order_documents_order ON order_documents (order_hash);
CREATE INDEX order_documents_astray ON order_documents (order_hash) WHERE astray;
CREATE INDEX order_documents_batch ON order_documents USING brin (batch_seq) WITH (pages_per_range = 16);
CREATE INDEX order_documents_waiting ON order_documents (lane, log_time) WHERE waiting;  -- no BRIN: until a vacuum each look reads all new pages
ALTER TABLE order_documents_rest ALTER order_value SET STORAGE EXTERNAL,
    ALTER payment_value SET STORAGE EXTERNAL, ALTER waybill_value SET STORAGE EXTERNAL;

-- The documents one by one.
CREATE VIEW document AS
SELECT d.order_hash, d.ebp_code, d.order_no, one.kind, d.lane AS partition, one.kafka_offset, one.log_time, d.lane, d.batch_seq,
       d.astray, d.waiting, one.value
FROM order_documents d CROSS JOIN LATERAL (VALUES
    (1::smallint, d.order_offset, d.order_logged, d.order_value),
    (2::smallint, d.payment_offset, d.payment_logged, d.payment_value),
    (3::smallint, d.waybill_offset, d.waybill_logged, d.waybill_value)) AS one(kind, kafka_offset, log_time, value)
WHERE one.kafka_offset IS NOT NULL;

-- What became of a document that no manifest used.
CREATE TABLE document_fate (
    kind smallint,
    partition smallint,
    kafka_offset bigint,
    order_hash bigint NOT NULL,
    ebp_code text NOT NULL,
    order_no text NOT NULL,
    attempt smallint NOT NULL,
    fate text NOT NULL CHECK (fate IN ('duplicate', 'superseded', 'deleted', 'refused')),
    code text NOT NULL,
    by_partition smallint,               -- the document that did it (same kind), if there is one
    by_offset bigint,
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    PRIMARY KEY (kind, partition, kafka_offset)
);
CREATE INDEX document_fate_order ON document_fate (order_hash);

CREATE TABLE open_report (
    order_hash bigint,
    ebp_code text,
    order_no text,
    attempt smallint,
    code text,
    missing smallint NOT NULL,           -- bits: 1 order, 2 payment, 4 waybill
    first_log_time timestamptz NOT NULL,
    reported_at timestamptz NOT NULL,    -- clock of the lane that reported
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    PRIMARY KEY (order_hash, ebp_code, order_no, attempt, code)
);

CREATE TABLE manifest (
    order_hash bigint,
    ebp_code text,
    order_no text,
    attempt smallint,
    manifest_id bigint NOT NULL,         -- lane, batch_seq and position packed: grows within a lane
    decision_id bytea NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('RELEASE', 'HOLD', 'REJECT')),
    queue text NOT NULL,
    return_status smallint NOT NULL,
    fault_kinds smallint NOT NULL,       -- bits: 1 order, 2 payment, 4 waybill
    trade_mode text NOT NULL,
    accepted_at timestamptz NOT NULL,
    rule_set text NOT NULL,
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    order_partition smallint NOT NULL,
    order_offset bigint NOT NULL,
    payment_partition smallint NOT NULL,
    payment_offset bigint NOT NULL,
    waybill_partition smallint NOT NULL,
    waybill_offset bigint NOT NULL,
    order_digest bytea NOT NULL,
    payment_digest bytea NOT NULL,
    waybill_digest bytea NOT NULL,
    taxed boolean NOT NULL,
    registry_version bigint NOT NULL,    -- the registry it was decided by
    guarantor_code text NOT NULL,        -- these four from the registry; empty: the two firms filed nothing together
    declarant_code text NOT NULL,
    warehouse_code text NOT NULL,
    customs_code text NOT NULL,
    dutiable_fen bigint,
    tariff_fen bigint NOT NULL,          -- 0 within the limit of one purchase
    consumption_tax_fen bigint NOT NULL,
    vat_fen bigint NOT NULL,
    tax_fen bigint NOT NULL,
    ebc_code text NOT NULL,
    goods_value_e5 bigint,
    freight_e5 bigint,
    discount_e5 bigint,
    tax_total_e5 bigint,
    actual_paid_e5 bigint,
    amount_paid_e5 bigint,
    insured_fee_e5 bigint,
    waybill_freight_e5 bigint,
    weight_e5 bigint,
    pack_no integer NOT NULL,
    order_time timestamptz NOT NULL,
    payment_time timestamptz NOT NULL,
    pay_time timestamptz NOT NULL,
    waybill_time timestamptz NOT NULL,
    order_currency text NOT NULL,
    payment_currency text NOT NULL,
    waybill_currency text NOT NULL,
    pay_code text NOT NULL,
    pay_transaction_id text NOT NULL,
    logistics_code text NOT NULL,
    logistics_no text NOT NULL,
    bill_no text NOT NULL,
    person_key bytea NOT NULL,           -- keyed BLAKE2b-128; personal values stand in order_documents alone
    payer_key bytea NOT NULL,
    phone_key bytea NOT NULL,
    address_key bytea NOT NULL,
    PRIMARY KEY (order_hash, ebp_code, order_no, attempt)
);
CREATE INDEX manifest_decided ON manifest USING brin (accepted_at, batch_seq) WITH (pages_per_range = 16);

CREATE TABLE manifest_line (
    manifest_id bigint,
    line_no smallint,                    -- position in the order, from 1
    gnum integer NOT NULL,
    item_no text NOT NULL,
    hs_code text NOT NULL,               -- empty: not registered
    account_book_item text NOT NULL,
    unit text NOT NULL,
    country text NOT NULL,
    currency text NOT NULL,
    qty_e5 bigint,
    price_e5 bigint,
    total_price_e5 bigint,
    dutiable_fen bigint,                 -- null: not taxed
    tariff_fen bigint,
    consumption_tax_fen bigint,
    vat_fen bigint,
    PRIMARY KEY (manifest_id, line_no)
);

CREATE TABLE finding (
    manifest_id bigint,
    code text,
    outcome text NOT NULL,
    values_read text NOT NULL,           -- JSON object: column -> value as text, personal ones masked
    PRIMARY KEY (manifest_id, code)
);

-- Personal quota: one account a person and calendar year; an entry moves fen between its three sub-accounts.
CREATE TABLE quota_account (
    person_key bytea,
    year smallint,
    entry_no integer NOT NULL,           -- running number of the last entry
    reserved_fen bigint NOT NULL,
    used_fen bigint NOT NULL,
    PRIMARY KEY (person_key, year)
) WITH (fillfactor = 70);

CREATE TABLE quota_entry (
    person_key bytea,
    year smallint,
    entry_no integer,
    manifest_id bigint NOT NULL,
    movement text NOT NULL CHECK (movement IN ('reserve', 'confirm')),
    debit text NOT NULL,                 -- sub-account it leaves
    credit text NOT NULL,                -- sub-account it enters
    amount_fen bigint NOT NULL,
    reserved_after_fen bigint NOT NULL,
    used_after_fen bigint NOT NULL,
    PRIMARY KEY (person_key, year, entry_no)
);

-- Weight of goods with a yearly cap a person: one account a person, calendar year and group of goods; entries as above.
CREATE TABLE weight_account (
    person_key bytea,
    year smallint,
    weight_group text COLLATE "C",
    entry_no integer NOT NULL,           -- running number of the last entry
    reserved_mg bigint NOT NULL,
    used_mg bigint NOT NULL,
    PRIMARY KEY (person_key, year, weight_group)
) WITH (fillfactor = 70);

CREATE TABLE weight_entry (
    person_key bytea,
    year smallint,
    weight_group text COLLATE "C",
    entry_no integer,
    manifest_id bigint NOT NULL,
    movement text NOT NULL CHECK (movement IN ('reserve', 'confirm')),
    debit text NOT NULL,                 -- sub-account it leaves
    credit text NOT NULL,                -- sub-account it enters
    amount_mg bigint NOT NULL,
    reserved_after_mg bigint NOT NULL,
    used_after_mg bigint NOT NULL,
    PRIMARY KEY (person_key, year, weight_group, entry_no)
);

-- Payment transactions and waybill numbers in use: 'P|payCode|payTransactionId', 'W|logisticsCode|logisticsNo'.
CREATE TABLE number_use (
    number text COLLATE "C",
    use_no smallint,
    order_hash bigint NOT NULL,
    ebp_code text NOT NULL,
    order_no text NOT NULL,
    manifest_id bigint NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (number, use_no)
);

-- What the guarantors answer for: one account each; the tax of what is accepted is frozen.
CREATE TABLE guarantee_account (
    guarantor_code text COLLATE "C" PRIMARY KEY,
    entry_no integer NOT NULL,           -- running number of the last entry
    frozen_fen bigint NOT NULL
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Entries, those of one batch and account in a row: a guarantor may carry most of the traffic. The numbers of the entries end
-- with entry_no, the balances with frozen_after_fen; moved has 16 bytes for each: manifest_id and fen, big-endian.
CREATE TABLE guarantee_entry (
    guarantor_code text COLLATE "C",
    entry_no integer,
    entries integer NOT NULL,
    frozen_after_fen bigint NOT NULL,
    moved bytea NOT NULL,
    lane smallint NOT NULL,              -- the lowest of the batch, and its batch_seq
    batch_seq bigint NOT NULL,
    PRIMARY KEY (guarantor_code, entry_no)
);
ALTER TABLE guarantee_entry ALTER COLUMN moved SET STORAGE EXTERNAL;

-- Manifests that are held for their guarantee alone, until it grows: who owns the lane looks at them again.
CREATE TABLE held (
    guarantor_code text COLLATE "C",
    lane smallint,
    accepted_at timestamptz,
    manifest_id bigint,
    amount_fen bigint NOT NULL,          -- what it has to freeze
    order_hash bigint NOT NULL,
    ebp_code text NOT NULL,
    order_no text NOT NULL,
    attempt smallint NOT NULL,
    PRIMARY KEY (guarantor_code, lane, accepted_at, manifest_id)
);
CREATE INDEX held_manifest ON held (manifest_id);

-- What became of a decision later; a row of manifest is never changed. Revision 1 is the manifest's own.
CREATE TABLE revision (
    manifest_id bigint,
    revision smallint CHECK (revision > 1),
    decision_id bytea NOT NULL,
    outcome text NOT NULL CHECK (outcome = 'RELEASE'),
    return_status smallint NOT NULL,
    registry_version bigint NOT NULL,    -- the registry it was decided by
    revised_at timestamptz NOT NULL,     -- clock of the lane
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    PRIMARY KEY (manifest_id, revision)
);

CREATE TABLE dead_letter (
    topic text,
    partition smallint,
    kafka_offset bigint,
    log_time timestamptz NOT NULL,
    record_key bytea,
    record_value bytea,
    headers text NOT NULL,               -- JSON array of [name, value in hex]
    code text NOT NULL,
    reason text NOT NULL,
    lane smallint NOT NULL,
    batch_seq bigint NOT NULL,
    PRIMARY KEY (topic, partition, kafka_offset)
);

-- What is to be published, one row a lane and batch: messages is a sequence of
-- (u8 topic index in topics.toml, u32 key length, key, u32 value length, value), big-endian.
CREATE TABLE outbox (
    lane smallint,
    batch_seq bigint,
    created_at timestamptz NOT NULL DEFAULT now(),     -- database clock, for partition dropping and lag only
    message_count integer NOT NULL,
    messages bytea NOT NULL,
    PRIMARY KEY (lane, batch_seq, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE outbox_rest PARTITION OF outbox DEFAULT;
ALTER TABLE outbox_rest ALTER COLUMN messages SET STORAGE EXTERNAL;
