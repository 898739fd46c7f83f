"""Wallets of crypto currencies."""

from __future__ import annotations

import re

KIND = "wallet"
SOURCE = (
    "Bitcoin (Base58Check by python-stdnum, BIP 173 and 350), EIP-55 addresses, Monero, Tron, Ripple, Litecoin, Cardano"
)
SLOTTED = False
FOUND = (
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "0x52908400098527886E0F7030069857D2E4169EE7", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "?wallet=abc1",
    "addr1qx2kd28nq8ac5prwg32hhvudlwggpgfp8utlyqxu6wqgz62f79qsdmm5dsknt9ecr5w468r9ey0fxwkdrwh08ly3tu9sy0f4qd",
)  # fmt: skip
LEFT_ALONE = ("0xdeadbeef", "bc1", "1.0.1", "bitcoin-price", "2A1zP1")

_WALLET = re.compile(
    r"(?<![A-Za-z0-9])(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc|tb|ltc)1[02-9ac-hj-np-z]{25,87}|0x[0-9a-fA-F]{40}|4[0-9AB][1-9A-HJ-NP-Za-km-z]{93}"
    r"|T[1-9A-HJ-NP-Za-km-z]{33}|r[1-9A-HJ-NP-Za-km-z]{24,34}|[LMD][1-9A-HJ-NP-Za-km-z]{33}|addr1[02-9ac-hj-np-z]{50,})(?![A-Za-z0-9])"
)


def detect(text: str, told: frozenset[str]) -> bool:
    if "wallet" in told:
        return any(map(str.isdigit, text))
    return len(text) >= 25 and any(any(map(str.isdigit, word)) for word in _WALLET.findall(text))
