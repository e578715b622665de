"""Keyed pseudonyms: the same person, phone or address gives the same 16 bytes, and nobody without the key can try values."""

from collections.abc import Callable

import polars as pl

Pseudonyms = Callable[[pl.Series], pl.Series]  # String to Binary: BLAKE2b-128 with the key


def with_keys(heads: pl.DataFrame, pseudonyms: Pseudonyms) -> pl.DataFrame:
    """Add person_key (the buyer), payer_key, phone_key and address_key (of the consignee), of texts that are never null."""
    return heads.hstack([pseudonyms(text).alias(text.name) for text in heads.select(TEXTS)])


def _person(id_type: str, id_number: str) -> pl.Expr:
    return pl.concat_str(id_type, pl.lit("|"), pl.col(id_number).str.to_uppercase())


TEXTS = [
    _person("order_buyerIdType", "order_buyerIdNumber").alias("person_key"),
    _person("payment_payerIdType", "payment_payerIdNumber").alias("payer_key"),
    pl.col("order_consigneeTelephone").alias("phone_key"),
    pl.col("order_consigneeAddress").alias("address_key"),
]
