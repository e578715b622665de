-- Accounts that stand, of one guarantor if it is named.
SELECT guarantor_code, entry_no, frozen_fen FROM guarantee_account
WHERE $1::text IS NULL OR guarantor_code = $1 ORDER BY guarantor_code
