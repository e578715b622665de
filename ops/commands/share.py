"""Shares of the manifests as they are written on the command line."""

from decimal import Decimal, InvalidOperation

import typer

from schemas.rule_events import WHOLE


def share_1e4(text: str, option: str) -> int:
    """`10%` in 10^-4; BadParameter, which names the option."""
    try:
        share = Decimal(text.removesuffix("%")) * WHOLE / 100
    except InvalidOperation:
        share = Decimal(0)
    if share != int(share) or not 1 <= share <= WHOLE:
        raise typer.BadParameter("a share from 0.01% to 100%, in steps of 0.01%", param_hint=option)
    return int(share)
