SELECT ebp_code, attempt, code, missing, first_log_time, reported_at, lane, batch_seq
FROM open_report WHERE order_hash = $1 AND order_no = $2 ORDER BY reported_at
