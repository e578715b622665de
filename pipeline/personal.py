"""Keyed pseudonyms: the same person, phone or address gives the same 16 bytes, and nobody without the key can try values."""

from collections.abc import Callable
from hashlib import blake2b

import polars as pl


def with_keys(heads: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Add person_key (the buyer), payer_key, phone_key and address_key (of the consignee): BLAKE2b-128 with `key`
    (16 to 64 bytes) of texts that are never null."""
    pseudonym = _keyed(key)
    texts = heads.select(
        person_key=_person("order_buyerIdType", "order_buyerIdNumber"),
        payer_key=_person("payment_payerIdType", "payment_payerIdNumber"),
        phone_key=pl.col("order_consigneeTelephone").cast(pl.Binary),
        address_key=pl.col("order_consigneeAddress").cast(pl.Binary),
    )
    keys = {name: list(map(pseudonym, texts[name].to_list())) for name in ("person_key", "phone_key", "address_key")}
    payers = keys["payer_key"] = keys["person_key"].copy()  # the payer is nearly always the buyer
    for row in (texts["payer_key"] != texts["person_key"]).arg_true():
        payers[row] = pseudonym(texts["payer_key"][row])
    return heads.hstack([pl.Series(name, keys[name], dtype=pl.Binary) for name in texts.columns])


def _keyed(key: bytes) -> Callable[[bytes], bytes]:
    keyed = blake2b(digest_size=16, key=key)  # copied for each text, which is cheaper than taking the key in anew

    def pseudonym(text: bytes) -> bytes:
        of_text = keyed.copy()
        of_text.update(text)
        return of_text.digest()

    return pseudonym


def _person(id_type: str, id_number: str) -> pl.Expr:
    return pl.concat_str(id_type, pl.lit("|"), pl.col(id_number).str.to_uppercase()).cast(pl.Binary)
