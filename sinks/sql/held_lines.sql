SELECT manifest_id, gnum, hs_code, dutiable_fen, tariff_fen, consumption_tax_fen, vat_fen, account_book_item, unit, qty_e5
FROM manifest_line WHERE manifest_id = ANY ($1::bigint[]) ORDER BY manifest_id, line_no
