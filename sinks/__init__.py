"""PostgreSQL and the Kafka relay: where decisions are kept and how they are published."""
