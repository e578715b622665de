SELECT manifest_id, code, outcome, values_read FROM finding WHERE manifest_id = $1 ORDER BY code
