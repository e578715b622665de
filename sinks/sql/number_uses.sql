-- The last use of each number at hand.
SELECT DISTINCT ON (number) number, use_no, ebp_code, order_no, accepted_at
FROM number_use
WHERE number = ANY ($1::text[])
ORDER BY number, use_no DESC
