SELECT line_no, gnum, item_no, hs_code, account_book_item, unit, country, currency, qty_e5, price_e5, total_price_e5,
       dutiable_fen, tariff_fen, consumption_tax_fen, vat_fen, manifest_id
FROM manifest_line WHERE manifest_id = $1 ORDER BY line_no
