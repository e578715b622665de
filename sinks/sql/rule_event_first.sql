-- What is installed becomes the first live rule set, unless there is one.
INSERT INTO rule_event (kafka_offset, revision, version, part, rule_set, share_1e4, by, log_time, lane, batch_seq)
VALUES (-1, 0, 0, 'live', $1, 0, '', now(), 0, 0) ON CONFLICT DO NOTHING
