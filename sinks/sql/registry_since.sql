-- What changed after a version, in its order.
SELECT version, value FROM registry_entry WHERE version > $1 ORDER BY kafka_offset
