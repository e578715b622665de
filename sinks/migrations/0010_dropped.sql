-- Of a table that is kept by time: what lay before this was dropped with its partitions.
CREATE TABLE dropped (
    table_name text PRIMARY KEY,
    before timestamptz NOT NULL
);
