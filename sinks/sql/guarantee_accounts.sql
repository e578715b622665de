SELECT guarantor_code, entry_no, frozen_fen FROM guarantee_account WHERE guarantor_code = ANY ($1::text[])
