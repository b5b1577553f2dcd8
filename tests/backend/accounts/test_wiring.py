# SPDX-License-Identifier: Apache-2.0
"""What the application gives to accounts: contracts of wallets on a real chain, and the market's open trades."""

import pytest
from sqlalchemy import text

from backend.accounts.signatures import signed_by
from backend.api.wallet_calls import contract_caller
from backend.chain.rpc import RpcClient
from backend.core.errors import Unavailable
from backend.market.wallet_use import has_unfinished_trades
from tests.backend.accounts.helpers import ALICE, BOB, CAROL

CONTRACT = b"\x77" * 20
# return the word that follows PUSH32; revert; burn all gas
VOUCHES = bytes.fromhex("7f" + "1626ba7e".ljust(64, "0") + "5f5260205ff3")
CODES = {
    "vouches": (VOUCHES, True),
    "answers another word": (bytes.fromhex("7f" + "ffffffff".ljust(64, "0") + "5f5260205ff3"), False),
    "answers too much": (bytes.fromhex("7f" + "1626ba7e".ljust(64, "0") + "5f5260405ff3"), False),
    "reverts": (bytes.fromhex("5f5ffd"), False),
    "burns all gas": (bytes.fromhex("5b5f56"), False),
    "is no contract": (b"", False),
}


@pytest.mark.parametrize(("code", "vouched"), CODES.values(), ids=CODES.keys())
async def test_signed_by__contract_on_a_chain__counts_only_if_it_vouches(anvil, code, vouched):
    anvil.rpc("anvil_setCode", "0x" + CONTRACT.hex(), "0x" + code.hex())
    async with RpcClient((anvil.rpc_url,)) as rpc:
        held = await signed_by(CONTRACT, b"\x01" * 32, b"\x02" * 65, contract_caller(rpc))

    assert held is vouched


async def test_signed_by__no_node__is_unavailable_instead_of_refused():
    async with RpcClient(("http://127.0.0.1:9",), attempts=1) as rpc:
        with pytest.raises(Unavailable):
            await signed_by(ALICE.address, b"\x01" * 32, BOB.sign(b"\x01" * 32), contract_caller(rpc))


CHAIN = """
INSERT INTO chains (chain_id, genesis_hash, contract_address, deployment_block, deployment_block_hash, salt, network)
VALUES (31337, sha256('g'), decode(repeat('11', 20), 'hex'), 1, sha256('d'), sha256('s'), 'local')
"""
TRADE = """
INSERT INTO energy_trades (id, chain, trade_id, kind, seller_address, buyer_address, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, consented, claim_g, status, block_number, block_hash, tx_hash, log_index, block_time,
    recorded_at)
SELECT gen_random_uuid(), id, sha256('t'), 0, :seller, :buyer, 1, 1, 0, 1, false, 0, 'CONFIRMED', 2, sha256('b'),
    sha256('x'), 0, now(), now() FROM chains
"""


@pytest.mark.parametrize("wallet", [ALICE, BOB])
async def test_has_unfinished_trades__trade_that_is_not_final__holds_both_wallets(db, service_db, wallet):
    async with service_db.begin() as session:
        connection = await session.connection()
        await connection.execute(text(CHAIN))
        await connection.execute(text(TRADE), {"seller": ALICE.address, "buyer": BOB.address})
    async with db.begin() as session:
        before = await has_unfinished_trades(session, wallet.address)

    async with service_db.begin() as session:
        await (await session.connection()).execute(text("UPDATE energy_trades SET status = 'FINAL'"))

    async with db.begin() as session:
        after = await has_unfinished_trades(session, wallet.address)
        stranger = await has_unfinished_trades(session, CAROL.address)
    assert (before, after, stranger) == (True, False, False)
