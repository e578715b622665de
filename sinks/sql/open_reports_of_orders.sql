SELECT order_hash, ebp_code, order_no, attempt, code FROM open_report WHERE order_hash = ANY ($1::bigint[])
