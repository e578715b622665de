SELECT number, use_no FROM number_use WHERE number = ANY ($1::text[]) AND manifest_id = $2 ORDER BY number
