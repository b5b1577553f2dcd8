# SPDX-License-Identifier: Apache-2.0
"""For each route of the API: what it must answer to a stranger who names another community's rows.

Every route has exactly one case here, or `test_tenancy.py` fails. `{names}` in path, query and body stand for the
rows that `tenancy_world.py` makes in community South; the stranger is the operator of community North.
"""

from dataclasses import dataclass, field
from typing import Any

PAGE_SIZE = {"limit": "100"}
HASH = "0x" + "ab" * 32
HEX = "0x" + "11" * 65
ADDRESS = "0x" + "09" * 20


@dataclass(frozen=True, slots=True)
class Case:
    """`stranger` are the statuses allowed for a stranger; `public` says why nobody needs to sign in.

    `owner` is True where the owner of the named row, sending the same, is served: proof that the row exists.
    `last` is for routes that end the stranger's own session or account.
    """

    stranger: tuple[int, ...]
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    public: str = ""
    owner: bool = False
    last: bool = False


def public(why: str, *stranger: int, **facts: Any) -> Case:
    """A route for everybody; it must still show nothing of anybody's."""
    return Case(stranger, public=why, **facts)


SIGN_IN = "signing in is how one stops being a stranger"
OPERATIONS = "for probes and scrapers inside the network; holds no tenant's rows"
CHAIN = "what is on chain is public"
HOUSE = {"name": "Mine now", "capacityKw": "1", "latitude": 0, "longitude": 0}
READING = {"houseId": "{south_house}", "start": "2026-06-01T12:00:00Z", "minutes": 15, "productionKwh": "9"}
SPENDING = {
    "account": "{south_wallet}",
    "carbonKg": "0.001",
    "sequence": 1,
    "previousHash": "0x" + "00" * 32,
    "expiry": 4102444800,
    "signature": HEX,
}

MARKET = "rules, intervals, levels and prices of a market are published, without owners"
SOUTH_DAY = {"community": "2", "from": "2030-01-01T00:00:00Z", "to": "2030-01-02T00:00:00Z"}
DRAFT = {
    "houseId": "{south_house}",
    "side": "offer",
    "deliveryStart": "2030-01-01T00:00:00Z",
    "energyKwh": "1",
    "pricePerKwh": "1",
}
ORDER = {
    "maker": "{south_wallet}",
    "taker": ADDRESS,
    "isBid": False,
    "meter": "9",
    "deliveryStart": 1893456000,
    "expiry": 1893542400,
    "energyWh": 1000,
    "minFillWh": 0,
    "pricePerKwh": 5,
    "factorId": 1,
    "slot": 8,
    "deliveryMinutes": 15,
}

ENDING = {"operator": ADDRESS, "expiry": 1893456000, "signature": HEX}
ISLAND = ENDING | {
    "community": 2,
    "reason": "x",
    "startsAt": 1893456000,
    "endsAt": 1893459600,
    "priceCap": "1",
}
CRITICAL = {"houseId": "{south_house}", "tier": 1, "powerW": 1}
STORAGE = {"houseId": "{south_house}", "name": "x", "capacityKwh": "1", "chargeW": 1, "dischargeW": 1}
FORECASTS = {
    "houseId": "{south_house}",
    "intervals": [{"deliveryStart": "2031-01-01T00:00:00Z", "generationKwh": "1", "demandKwh": "1"}],
}

CASES: dict[str, Case] = {
    # operations
    "GET /health": public(OPERATIONS, 200, 503),
    "GET /health/detailed": public(OPERATIONS, 200, 503),
    "GET /metrics": public(OPERATIONS, 200),
    "GET /api/operations": Case((200,)),
    "GET /.well-known/jwks.json": public("public keys", 200),
    "GET /api/config": public("addresses that every browser needs", 200, 503),
    # sign-in
    "POST /api/auth/register": public(SIGN_IN, 422, body={"email": "south-owner@example.org"}),
    "POST /api/auth/login": public(SIGN_IN, 401, body={"email": "south-owner@example.org", "password": "guess guess"}),
    "GET /api/auth/siwe/nonce": public(SIGN_IN, 200),
    "POST /api/auth/siwe/verify": public(SIGN_IN, 422, body={"message": "x", "signature": "0x00"}),
    "POST /api/auth/refresh": public(SIGN_IN, 401, body={"refreshToken": "guess"}),
    "POST /api/auth/logout": Case((204,), last=True),
    # users
    "GET /api/users": Case((200,), query=PAGE_SIZE),
    "GET /api/users/me": Case((200,)),
    "PUT /api/users/me": Case((200,), body={"name": "Stranger"}),
    "DELETE /api/users/me": Case((204,), last=True),
    "PUT /api/users/me/password": Case((401,), body={"currentPassword": "x", "newPassword": "long enough now"}),
    "PUT /api/users/me/email": Case(
        (401, 409), body={"email": "south-owner@example.org", "password": "long enough now"}
    ),
    "GET /api/audit-log": Case((200,), query=PAGE_SIZE),
    "GET /api/users/me/sessions": Case((200,)),
    "DELETE /api/users/me/sessions/{south_session}": Case((404,)),
    "GET /api/users/me/wallets": Case((200,)),
    "POST /api/users/me/wallets": Case((409,), body={"nonce": "{south_nonce}", "signature": HEX}),
    "POST /api/users/me/wallets/challenge": Case((201,), body={"address": ADDRESS}),
    "DELETE /api/users/me/wallets/replacements/{south_replacement}": Case((404,)),
    "GET /api/users/me/memberships": Case((200,)),
    "POST /api/users/me/memberships/{south_org}/acceptance": Case((404,)),
    "GET /api/users/{south_owner}": Case((404,), owner=True),
    "PUT /api/users/{south_owner}": Case((404,), body={"name": "Taken over"}),
    "DELETE /api/users/{south_owner}": Case((404,)),
    # organisations
    "GET /api/organizations": Case((200,), query=PAGE_SIZE),
    "POST /api/organizations": Case((403,), body={"kind": "company", "name": "X", "slug": "x"}),
    "GET /api/organizations/{south_org}": Case((404,), owner=True),
    "PUT /api/organizations/{south_org}": Case((404,), body={"name": "Taken over"}),
    "DELETE /api/organizations/{south_org}": Case((403,)),
    "GET /api/organizations/{south_org}/memberships": Case((404,), owner=True),
    "POST /api/organizations/{south_org}/memberships": Case((404,), body={"userId": "{stranger}", "role": "operator"}),
    "PUT /api/organizations/{south_org}/memberships/{south_owner}": Case((404,), body={"role": "operator"}),
    "DELETE /api/organizations/{south_org}/memberships/{south_owner}": Case((404,)),
    # API keys
    "GET /api/api-keys": Case((200,)),
    "POST /api/api-keys": Case((404,), body={"name": "k", "scopes": ["read"], "orgId": "{south_org}"}),
    "DELETE /api/api-keys/{south_key}": Case((404,)),
    "POST /api/api-keys/introspection": Case((403,), body={"key": "gxk_guess", "clientIp": "127.0.0.1"}),
    # the AI service
    "POST /api/ai/price": Case((503,), body={"demandKwh": "1"}),
    "POST /api/ai/forecast": Case((503,), body={"houseId": "{south_house}"}),
    "POST /api/ai/forecast/batch": Case((503,), body={"questions": [{"houseId": "{south_house}"}]}),
    "GET /api/ai/market-analysis": Case((503,), query={"communityId": "{south_org}"}),
    "POST /api/ai/energy-mix": Case((503,), body={"demandKw": [1]}),
    "GET /api/ai/solar-forecast": Case((503,), query={"lat": "0", "lon": "0", "capacityKwp": "5"}),
    # emission factors, chain
    "GET /api/emission-factors": public("factors are published", 200),
    "GET /api/blockchain/status": public(CHAIN, 200, 404, 503),
    "GET /api/blockchain/contract": public(CHAIN, 200, 404, 503),
    f"GET /api/blockchain/tx/{HASH}": public(CHAIN, 404, 503),
    f"GET /api/blockchain/trades/{HASH}/verify": public(CHAIN, 404, 503),
    f"GET /api/blockchain/trades/{HASH}/proof": public(CHAIN, 404, 503),
    "GET /api/blockchain/audit": public("audit reports speak of what is on chain", 200, 404),
    "POST /api/blockchain/audit": Case((403,)),
    "POST /api/audit/runs": Case((403,)),
    "GET /api/audit/runs": Case((403,)),
    "GET /api/audit/runs/{stranger}": Case((403,)),
    "GET /api/audit/runs/{stranger}/report": Case((403,)),
    "GET /api/audit/orphans": public(CHAIN, 200),
    # houses and readings
    "GET /api/houses": Case((200,), query=PAGE_SIZE),
    "GET /api/houses/meters": Case((200,)),
    "GET /api/communities": public("numbers and regions of communities are on chain; no names", 200),
    "POST /api/houses": Case((403, 404, 422), body=HOUSE | {"ownerId": "{south_owner}"}),
    "GET /api/houses/{south_house}": Case((404,), owner=True),
    "PUT /api/houses/{south_house}": Case((404,), body=HOUSE),
    "DELETE /api/houses/{south_house}": Case((404,)),
    "PUT /api/houses/{south_house}/device-key": Case((404,), body={"deviceKey": ADDRESS}),
    "PUT /api/houses/{south_house}/zone": Case((404,), body={"zone": "north"}),
    "GET /api/energy-production": Case(
        (404,),
        query={"houseId": "{south_house}", "from": "2026-06-01T00:00:00Z", "to": "2026-06-02T00:00:00Z"},
        owner=True,
    ),
    "GET /api/energy-production/series": Case(
        (404,),
        query={"houseId": "{south_house}", "from": "2026-06-01T00:00:00Z", "to": "2026-06-02T00:00:00Z"},
        owner=True,
    ),
    "GET /api/energy-production/{south_house}/corrections": Case((404,), owner=True),
    "POST /api/energy-production": Case((404, 422), body=READING),
    "POST /api/energy-production/uploads": Case((404, 415, 422), query={"houseId": "{south_house}"}),
    # trades
    "POST /api/energy-trades": Case(
        (403, 404, 503),
        body={
            "sellerId": "{south_owner}",
            "buyerId": "{south_operator}",
            "energyKwh": "1",
            "pricePerKwh": "1",
            "txHash": HASH,
        },
    ),
    "GET /api/energy-trades": public("trades are public by wallet address", 200, query={"userId": "{south_owner}"}),
    "GET /api/energy-trades/totals": public("sums over public trades", 200),
    "GET /api/energy-trades/export": public("trades are public by wallet address", 200, query={"wallet": ADDRESS}),
    f"GET /api/energy-trades/{HASH}": public("trades are public by wallet address", 404),
    # orders and markets
    "GET /api/market/rules": public(MARKET, 200, query={"community": "2"}),
    "PUT /api/organizations/{south_org}/market": Case((404,), body={"rule": "uniform"}),
    "GET /api/market/intervals": public(MARKET, 200, 503, query=SOUTH_DAY),
    "GET /api/market/book": public(MARKET, 200, 503, query={"community": "2", "deliveryStart": "2030-01-01T00:00:00Z"}),
    "GET /api/market/prices": public(MARKET, 200, 503, query=SOUTH_DAY),
    "GET /api/market/deals": public(MARKET, 200, 503, query=SOUTH_DAY),
    "GET /api/market/auctions": public(MARKET, 200, 503, query=SOUTH_DAY),
    "POST /api/market/orders/drafts": Case((422, 503), body=DRAFT),
    "POST /api/market/orders": Case((403, 503), body={"order": ORDER, "signature": HEX}),
    "POST /api/market/orders/drafts/batch": Case((200, 503), body={"drafts": [DRAFT]}),
    "POST /api/market/orders/batch": Case((200, 503), body={"orders": [{"order": ORDER, "signature": HEX}]}),
    "GET /api/market/orders": Case((200,), query=PAGE_SIZE),
    "GET /api/market/orders/capacities": Case((200, 503), query={"deliveryStart": "2030-01-01T00:00:00Z"}),
    "GET /api/market/orders/{south_order}": Case((404,), owner=True),
    "DELETE /api/market/orders/{south_order}": Case((404, 503)),
    "GET /api/market/matches": Case((200,), query={"orderId": "{south_order}"}),
    "GET /api/market/matches/{south_match}/receipt": Case((404,), owner=True),
    "GET /api/market/offers": Case((200, 503), query=PAGE_SIZE),
    "GET /api/market/offers/reservations": Case((200, 503)),
    "POST /api/market/offers/{south_offer}/reservations": Case((404, 503), body={"energyKwh": "0.01"}),
    # islands
    "GET /api/market/islands": Case((200,), query=PAGE_SIZE),
    "POST /api/market/islands": Case((409, 503), body=ISLAND),
    "GET /api/market/islands/prepared": Case(
        (200, 503), query={"operator": ADDRESS, "reason": "x", "hours": "1", "priceCap": "1"}
    ),
    "GET /api/market/islands/{south_island}": Case((404,), owner=True),
    "GET /api/market/islands/{south_island}/end/prepared": Case((404,), query={"operator": ADDRESS}),
    "POST /api/market/islands/{south_island}/end": Case((404,), body=ENDING),
    "GET /api/market/islands/{south_island}/allocations": Case((404,), owner=True),
    "GET /api/market/islands/{south_island}/intents": Case((404,), owner=True),
    "GET /api/market/islands/{south_island}/report": Case((404,)),
    "GET /api/market/islands/{south_island}/report.csv": Case((404,)),
    "GET /api/market/islands/critical-loads": Case((200,), query=PAGE_SIZE),
    "POST /api/market/islands/critical-loads": Case((404,), body=CRITICAL),
    "PUT /api/market/islands/critical-loads/{south_load}": Case((404,), body=CRITICAL | {"tier": 2}),
    "DELETE /api/market/islands/critical-loads/{south_load}": Case((404,)),
    "GET /api/market/islands/storages": Case((200,), query=PAGE_SIZE),
    "POST /api/market/islands/storages": Case((404,), body=STORAGE),
    "PUT /api/market/islands/storages/{south_storage}": Case((404,), body=STORAGE),
    "DELETE /api/market/islands/storages/{south_storage}": Case((404,)),
    "POST /api/market/islands/forecasts": Case((404,), body=FORECASTS),
    # live updates
    "POST /api/events/ticket": Case((201,)),
    "GET /api/events/alerts": Case((200,)),
    # settlement
    "GET /api/market/statements": Case((404,), query={"userId": "{south_owner}"}, owner=True),
    "GET /api/market/statements/{month}": Case((404,), query={"userId": "{south_owner}"}, owner=True),
    "GET /api/market/statements/{month}/entries": Case((404,), query={"userId": "{south_owner}"}, owner=True),
    "GET /api/market/statements/{month}/csv": Case((404,), query={"userId": "{south_owner}"}, owner=True),
    "GET /api/market/statements/{month}/pdf": Case((404,), query={"userId": "{south_owner}"}, owner=True),
    "GET /api/market/imbalance": public("the rule is published", 200),
    f"GET /api/market/deliveries/{HASH}": public("what was delivered of public trades", 200),
    # carbon
    "GET /api/carbon-wallet/leaderboard": public("the board is public", 200),
    "GET /api/carbon-wallet/leaderboard/me": Case((200,)),
    "GET /api/carbon-wallet/leaderboard/people/{south_owner}": public("those who chose to be named alone", 404),
    "GET /api/carbon-wallet/certificates/{unknown}": public("whoever holds a certificate may check it", 404),
    "GET /api/carbon-wallet/certificates/{unknown}/page": public("whoever holds a certificate may check it", 404),
    "GET /api/carbon-wallet/certificates/{unknown}/pdf": public("whoever holds a certificate may check it", 404),
    "GET /api/carbon-wallet/{south_owner}": Case((404,), owner=True),
    "GET /api/carbon-wallet/{south_owner}/transactions": Case((404,), owner=True),
    "GET /api/carbon-wallet/{south_owner}/retirements": Case((404,), owner=True),
    "POST /api/carbon-wallet/{south_owner}/retirements": Case((403, 404), body=SPENDING | {"reason": "mine now"}),
    "GET /api/carbon-wallet/{south_owner}/transfers": Case((404,), owner=True),
    "POST /api/carbon-wallet/{south_owner}/transfers": Case((403, 404), body=SPENDING | {"recipient": ADDRESS}),
    "GET /api/carbon-wallet/{south_owner}/retirements/prepared": Case(
        (403, 404), query={"account": "{south_wallet}", "carbonKg": "0.001", "reason": "mine now"}
    ),
    "GET /api/carbon-wallet/{south_owner}/transfers/prepared": Case(
        (403, 404), query={"account": "{south_wallet}", "carbonKg": "0.001", "recipient": ADDRESS}
    ),
}

# Tables that the API's role may read whole, and why that gives nobody's rows away; others are under row security.
PUBLIC_TABLES: dict[str, str] = {
    "chains": CHAIN,
    "chain_blocks": CHAIN,
    "chain_cursor": CHAIN,
    "chain_events": CHAIN,
    "chain_meters": CHAIN,
    "chain_communities": CHAIN,
    "emission_factors": CHAIN,
    "community_markets": "a market's rules are published",
    "books": "levels and prices of a market are published",
    "energy_trades": "trades are public by wallet address; users appear as ids only",
    "seller_statistics": "sums over public trades",
    "settled_intervals": "when intervals were settled, and by which published tariffs",
    "trade_settlements": "what was delivered of public trades, before and after corrections",
    "leaderboard": "the board is public; holders appear as ids only",
    "leaderboard_histogram": "counts of the public board",
    "audit_reports": "audit reports speak of what is on chain",
    "leaderboard_holders": "which places of the board belong to users, as ids",
}
# Unique keys that do not lead with the tenant: the key is a random secret or id, or is meant to be unique among all.
GLOBAL_KEYS: dict[str, str] = {
    "orders_chain_order_hash_key": "hash of a signed order: the same order counts once",
    "orders_chain_maker_slot_delivery_start_key": "a fill counter on chain has one order an interval",
    "match_receipts_chain_community_delivery_start_version_key": "a book's version; communities are on chain",
    "matches_chain_settlement_nonce_key": "nonces of the contract, drawn from one sequence",
    "matches_chain_trade_id_key": "id on chain",
    "users_email_key": "one account per e-mail address",
    "wallets_one_owner": "an address has one owner at a time",
    "organizations_slug_key": "names an organisation in addresses",
    "organizations_domain_key": "a domain belongs to one organisation",
    "organizations_community_number_key": "the number on chain",
    "refresh_tokens_token_hash_key": "hash of a random secret",
    "api_keys_key_hash_key": "hash of a random secret",
    "siwe_nonces_pkey": "hash of a random secret; nobody is signed in yet",
    "houses_meter_key": "a meter on chain stands in one house",
    "houses_id_reading_minutes_key": "target of a foreign key; leads with the house's random id",
    "carbon_documents_body_hash_key": "hash of a signed document: the same document counts once",
    "carbon_transactions_of_trade": "a trade on chain earns once for each time it is confirmed",
    "carbon_transactions_of_document": "leads with the document's random id",
    "carbon_reserve_claims_document_id_community_key": "leads with the document's random id",
    "islands_body_hash_key": "hash of a signed declaration: the same declaration counts once",
    "money_entries_reverses_key": "an entry is taken back once; leads with its random id",
}
# Policies that let the API's role read (or write) every row, and why.
OPEN_POLICIES: dict[str, str] = {}
# SECURITY DEFINER functions and the tables under row security that each may touch.
DEFINER_FUNCTIONS: dict[str, set[str]] = {
    # nobody but these may write balances; they return nothing, and wallets in them are addresses, not people
    "carbon_apply": {"carbon_wallet"},
    "carbon_lock_ledger": {"carbon_wallet"},
    "carbon_check_trades": {"carbon_transactions"},
}
