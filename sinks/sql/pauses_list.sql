SELECT topic, partition, code, since, detail FROM partition_pause ORDER BY since
