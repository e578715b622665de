"""Contracts as data: Avro schemas, topics, law; and the code that reads and writes them."""
