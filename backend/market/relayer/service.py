# SPDX-License-Identifier: Apache-2.0
"""What the process `relayer` is made of, as its settings say."""

from pathlib import Path

from backend.core.settings import Settings
from backend.market.relayer.errors import SignerUnusable
from backend.market.relayer.signer import KeySigner, Signer
from backend.market.relayer.types import RelayerOptions


def open_signer(*, key: str | None, keystore: Path | None, password: str | None) -> Signer:
    """The signer that the settings name: an encrypted key file, else a key. Raises SignerUnusable."""
    if keystore is not None:
        if password is None:
            raise SignerUnusable("GRIDX_RELAYER_KEYSTORE needs GRIDX_RELAYER_KEYSTORE_PASSWORD", path=str(keystore))
        return KeySigner.from_keystore(keystore, password)
    if key:
        return KeySigner.from_hex(key)
    raise SignerUnusable("Set GRIDX_RELAYER_KEYSTORE (an encrypted key file) or GRIDX_RELAYER_KEY")


def options_of(settings: Settings) -> RelayerOptions:
    """How to relay, as the settings say."""
    return RelayerOptions(
        interval_s=settings.relayer_interval_s,
        batch_pairs=settings.relayer_batch_pairs,
        gas_cap=settings.relayer_gas_cap,
        max_fee_wei=settings.relayer_max_fee_wei,
        min_priority_fee_wei=settings.relayer_min_priority_fee_wei,
        bump_blocks=settings.relayer_bump_blocks,
        bump_s=settings.relayer_bump_s,
        daily_gas=settings.relayer_daily_gas,
        daily_wei=settings.relayer_daily_wei,
        min_balance_wei=settings.relayer_min_balance_wei,
        poll_interval_s=settings.poll_interval_s,
        finality_depth=settings.finality_depth,
    )
