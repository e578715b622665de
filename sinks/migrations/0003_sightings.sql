-- What the counters over an hour, a day and 30 days are counted from (docs/decisions.md section 13, docs/adr/0013).

-- One row a manifest: where its person, phone and address were seen together. of_…: whether it is found by that one.
-- Append only; by month, partitions are dropped once the longest window has left them.
CREATE TABLE sighting (
    manifest_id bigint NOT NULL,
    accepted_at timestamptz NOT NULL,
    person bigint NOT NULL,              -- first 8 bytes of the pseudonym, as the next two
    phone bigint NOT NULL,
    address bigint NOT NULL,
    order_hash bigint NOT NULL,
    of_person boolean NOT NULL,
    of_phone boolean NOT NULL,
    of_address boolean NOT NULL
) PARTITION BY RANGE (accepted_at);
CREATE TABLE sighting_rest PARTITION OF sighting DEFAULT;
CREATE INDEX sighting_person ON sighting USING hash (person) WHERE of_person;
CREATE INDEX sighting_phone ON sighting USING hash (phone) WHERE of_phone;
CREATE INDEX sighting_address ON sighting USING hash (address) WHERE of_address;

-- One row a batch with manifests: up to where the sightings of every lane were counted for it.
CREATE TABLE sighting_read (
    lane smallint NOT NULL,              -- the lowest of the batch's lanes, and its batch number
    batch_seq bigint NOT NULL,
    accepted_at timestamptz NOT NULL,    -- latest acceptance of the batch, for partition dropping only
    batch text NOT NULL,                 -- JSON object: lane -> batch number, of the lanes of the batch
    seen text NOT NULL                   -- JSON object: lane -> batch number up to which its sightings were there
) PARTITION BY RANGE (accepted_at);
CREATE TABLE sighting_read_rest PARTITION OF sighting_read DEFAULT;

-- What was counted when the manifest was decided: a byte a counter, in the order of docs/decisions.md section 13.
ALTER TABLE manifest ADD COLUMN counters bytea;  -- null: nobody and nothing of it was seen before in 30 days
