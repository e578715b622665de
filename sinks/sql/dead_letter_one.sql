SELECT topic, partition, kafka_offset, log_time, record_key, record_value, headers, code, reason, lane, batch_seq, sent_anew_at
FROM dead_letter WHERE topic = $1 AND partition = $2 AND kafka_offset = $3
