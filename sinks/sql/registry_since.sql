-- What changed after a version, up to another, in its order.
SELECT version, value FROM registry_entry WHERE version > $1 AND version <= $2 ORDER BY kafka_offset
