SELECT topic, partition FROM partition_pause
