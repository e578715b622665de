SELECT line_no, item_no, hs_code, account_book_item, qty_e5, total_price_e5, dutiable_fen, tariff_fen, consumption_tax_fen, vat_fen
FROM manifest_line WHERE manifest_id = $1 ORDER BY line_no
