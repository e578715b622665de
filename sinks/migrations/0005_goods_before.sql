-- What is counted of payment firms and of a person's goods (docs/decisions.md section 13). The goods of a sighting are its
-- manifest's lines. `counters` of a manifest: behind the counters, of a person who comes back, what was had before, 22 bytes
-- for each HS code and unit.
ALTER TABLE sighting ADD COLUMN pay_firm integer NOT NULL;  -- BLAKE2b-32 of payCode
