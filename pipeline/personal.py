"""Keyed pseudonyms: the same person, phone or address gives the same 16 bytes, and nobody without the key can try values."""

from hashlib import blake2b

import polars as pl


def pseudonyms(values: pl.Series, key: bytes, known: dict[str, bytes]) -> pl.Series:
    """BLAKE2b-128 with `key` (16 to 64 bytes) of each text of a column without nulls; `known` grows."""
    texts = values.to_list()
    known |= {v: blake2b(v.encode(), digest_size=16, key=key).digest() for v in texts if v not in known}
    return pl.Series(values.name, [known[v] for v in texts], dtype=pl.Binary)


def with_keys(heads: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Add person_key (the buyer), payer_key, phone_key and address_key (of the consignee)."""
    texts = heads.select(
        person_key=_person("order_buyerIdType", "order_buyerIdNumber"),
        payer_key=_person("payment_payerIdType", "payment_payerIdNumber"),
        phone_key="order_consigneeTelephone",
        address_key="order_consigneeAddress",
    )
    known: dict[str, bytes] = {}  # the payer is nearly always the buyer
    return heads.with_columns(pseudonyms(texts[name], key, known) for name in texts.columns)


def _person(id_type: str, id_number: str) -> pl.Expr:
    return pl.concat_str(id_type, pl.lit("|"), pl.col(id_number).str.to_uppercase())
