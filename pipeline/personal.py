"""Keyed pseudonyms: the same person, phone or address gives the same 16 bytes, and nobody without the key can try values."""

from collections.abc import Callable

import polars as pl

Pseudonyms = Callable[[pl.Series], pl.Series]  # String to Binary: BLAKE2b-128 with the key


def with_keys(heads: pl.DataFrame, pseudonyms: Pseudonyms) -> pl.DataFrame:
    """Add person_key (the buyer), payer_key, phone_key and address_key (of the consignee), of texts that are never null."""
    return heads.hstack([pseudonyms(text).alias(text.name) for text in heads.select(TEXTS)])


# whatever kind of paper the number is said to be of: else whoever names another kind has a second limit
TEXTS = [
    pl.col("order_buyerIdNumber").str.to_uppercase().alias("person_key"),
    pl.col("payment_payerIdNumber").str.to_uppercase().alias("payer_key"),
    pl.col("order_consigneeTelephone").alias("phone_key"),
    pl.col("order_consigneeAddress").alias("address_key"),
]
