# SPDX-License-Identifier: Apache-2.0
"""What surrounds every request: envelope, headers, limits of size and rate, health, metrics, documentation."""

import asyncio
import base64
import hashlib
import threading

import asyncpg
import pytest
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.limits import Limiter
from backend.market import papers
from tests.backend.api.conftest import Site


async def test_answer__any__has_the_envelope_and_security_headers(site: Site) -> None:
    answer = await site.client.get("/api/energy-trades", headers={"X-Request-Id": "my-request-1"})

    body = answer.json()
    assert body.keys() == {"data", "error", "timestamp", "meta"}
    assert body["meta"]["requestId"] == answer.headers["x-request-id"] == "my-request-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api/energy-trades/nothing"])
async def test_get__unknown__is_not_found_in_the_envelope(site: Site, path: str) -> None:
    answer = await site.client.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in ("request.not_found", "trade.not_found")


@pytest.mark.parametrize(
    "moment", ["2026-06-01T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"], ids=str
)
async def test_any_route__time_without_offset_or_out_of_range__is_invalid(site: Site, moment: str) -> None:
    somebody = "0190a2b4-0000-7000-8000-000000000000"
    headers = site.headers(2)
    asked = [
        ("/api/energy-trades", {"from": moment}),
        ("/api/energy-trades/export", {"to": moment}),
        ("/api/audit-log", {"from": moment}),
        (f"/api/carbon-wallet/{somebody}/transactions", {"to": moment}),
        (f"/api/energy-production/{somebody}/corrections", {"from": moment}),
        ("/api/energy-production/series", {"from": moment, "to": "2026-06-02T00:00:00Z"}),
        ("/api/market/orders", {"from": moment}),
    ]

    answers = [await site.client.get(path, params=params, headers=headers) for path, params in asked]
    key = {"name": "k", "scopes": ["read"], "expiresAt": moment}
    answers.append(await site.client.post("/api/api-keys", json=key, headers=headers))

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [
        (422, "request.invalid")
    ] * len(answers)


async def test_any_route__text_with_nul__is_invalid(site: Site) -> None:
    by_text = await site.client.get("/api/emission-factors", params={"region": "\x00"})

    assert (by_text.status_code, by_text.json()["error"]["code"]) == (422, "request.text_not_storable")


async def test_post__not_json__is_malformed(site: Site) -> None:
    answer = await site.client.post(
        "/api/energy-trades", content=b"{", headers=site.headers(2, Content_Type="application/json")
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.malformed")


async def test_sign_in__thousands_of_fields__is_too_large_to_be_looked_at(site: Site) -> None:
    answer = await site.client.post("/api/auth/login", json={f"field{number}": 1 for number in range(10_000)})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request.too_large")


async def test_sign_in__hundreds_of_wrong_fields__names_some_of_them(site: Site) -> None:
    answer = await site.client.post("/api/auth/login", json={f"field{number}": 1 for number in range(500)})

    assert (answer.status_code, len(answer.json()["error"]["details"]["problems"])) == (422, 50)


async def test_sign_in__number_of_too_many_digits__is_malformed(site: Site) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await site.client.post("/api/auth/login", content=b'{"email": %s}' % (b"9" * 5_000), headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.malformed")


async def test_post__body_of_100_mb__is_refused_unread(site: Site) -> None:
    sent = 0

    async def body() -> object:
        nonlocal sent
        for _ in range(100):
            sent += 1 << 20
            yield b" " * (1 << 20)

    declared = await site.client.post(
        "/api/energy-trades", content=b"x", headers=site.headers(2, Content_Length=str(100 << 20))
    )
    streamed = await site.client.post("/api/energy-trades", content=body(), headers=site.headers(2))

    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert streamed.json()["error"]["code"] == "request.too_large"


@pytest.mark.parametrize(("query", "org"), [("?correct=true", None), ("", "0190a2b4-0000-7000-8000-000000000000")])
async def test_post__same_idempotency_key_for_something_else__is_refused(
    site: Site, query: str, org: str | None
) -> None:
    body = {"address": "0x" + "09" * 20}
    headers = site.headers(2, Idempotency_Key="key-1")
    path = "/api/users/me/wallets/challenge"
    first = await site.client.post(path, json=body, headers=headers)

    again = await site.client.post(path, json=body, headers=headers)
    other = await site.client.post(path + query, json=body, headers=headers | ({"X-Org-Id": org} if org else {}))

    assert (first.status_code, again.json()["data"]) == (201, first.json()["data"])
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency.key_reused")


async def test_post__same_idempotency_key_after_the_session_ended__is_not_answered(site: Site) -> None:
    headers = site.headers(2, Idempotency_Key="key-1")
    request = {"json": {"address": "0x" + "09" * 20}, "headers": headers}
    first = await site.client.post("/api/users/me/wallets/challenge", **request)
    session_id = site.signer.verify(headers["Authorization"][7:], now=utc_now()).session_id
    async with site.app.state.service_db.begin() as session:
        ended = "INSERT INTO refresh_tokens (id, user_id, family_id, token_hash, issued_at, expires_at, revoked_at) "
        values = "VALUES (uuidv7(), :user, :family, :hash, now(), now() + interval '1 day', now())"
        facts = {"user": site.town.people[2], "family": session_id, "hash": b"\x01" * 32}
        await session.execute(text(ended + values), facts)

    again = await site.client.post("/api/users/me/wallets/challenge", **request)

    assert first.status_code == 201
    assert (again.status_code, again.json()["error"]["code"]) == (401, "auth.token_invalid")


async def test_any_route__connection_lost_at_commit__says_what_may_have_happened(
    site: Site, owner_db: Database
) -> None:
    async with owner_db.begin() as session:
        for statement in (
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$",
            "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON wallet_nonces DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION cut()",
        ):
            await session.execute(text(statement))
    body = {"address": "0x" + "09" * 20}

    plain = await site.client.post("/api/users/me/wallets/challenge", json=body, headers=site.headers(2))
    keyed = await site.client.post(
        "/api/users/me/wallets/challenge", json=body, headers=site.headers(2, Idempotency_Key="key-1")
    )

    errors = [answer.json()["error"] for answer in (plain, keyed)]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in (plain, keyed)] == [(503, "1")] * 2
    assert [error["code"] for error in errors] == ["database.unavailable"] * 2
    assert [error["details"] for error in errors] == [{"mayHaveBeenDone": True}] * 2
    assert "before you repeat it" in errors[0]["message"]
    assert "same Idempotency-Key" in errors[1]["message"]


async def test_any_route__driver_told_to_go_a_moment_ago__says_that_the_database_is_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def going(*_: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    monkeypatch.setattr(asyncpg.Connection, "fetch", going)

    answer = await site.client.get("/api/energy-trades")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database.unavailable")


async def test_any_route__statement_too_long__is_unavailable_by_its_name(site: Site, owner_db: Database) -> None:
    async with owner_db.begin() as session:
        await session.execute(text("LOCK TABLE emission_factors IN ACCESS EXCLUSIVE MODE"))
        await site.app.state.db.close()
        site.app.state.db = Database(site.app.state.settings.database_url, statement_timeout_s=0.05)
        answer = await site.client.get("/api/emission-factors")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database.statement_too_long")


async def test_get__over_the_limit__is_told_to_wait(site: Site) -> None:
    site.app.state.limiter = Limiter(site.app.state.redis, {"anonymous": "3/minute"})

    answers = [await site.client.get("/api/energy-trades") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_get__other_addresses_of_one_ipv6_network__share_the_limit(site: Site) -> None:
    site.app.state.limiter = Limiter(site.app.state.redis, {"anonymous": "3/minute"})
    site.app.state.trusted_proxies = frozenset({"127.0.0.1"})

    answers = [
        await site.client.get("/api/energy-trades", headers={"X-Forwarded-For": f"2001:db8:0:{network}::{host}"})
        for network, host in ((1, 1), (1, 2), (1, 3), (1, 4), (2, 1))
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 200]


async def test_file__while_it_is_made__other_requests_are_answered(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, begun, others_answered = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def patient(trades: object) -> str:
        loop.call_soon_threadsafe(begun.set)
        return "made" if others_answered.wait(5) else "kept others waiting"

    monkeypatch.setattr(papers, "csv_of", patient)
    making = asyncio.create_task(site.client.get("/api/energy-trades/export"))
    await begun.wait()

    other = await site.client.get("/health")
    others_answered.set()

    assert (other.status_code, (await making).text) == (200, "made")


async def test_health__all_up__says_so_for_each_part(site: Site) -> None:
    answer = await site.client.get("/health/detailed")

    assert answer.status_code == 200, answer.text
    parts = {*("database", "serviceDatabase", "redis", "node", "follower", "relayer", "market")}
    assert answer.json()["parts"].keys() == parts
    assert all(part["latencyMs"] >= 0 for part in answer.json()["parts"].values())


async def test_health__chain_not_connected_yet__is_down_for_its_market(site: Site) -> None:
    site.app.state.chain = None

    answer = await site.client.get("/health/detailed")

    assert answer.status_code == 503
    assert {name for name, part in answer.json()["parts"].items() if part["status"] == "down"} == {"market"}
    assert "being connected" in answer.json()["parts"]["market"]["why"]


async def test_health__redis_away__is_degraded_and_requests_go_on(site: Site, redis_server: object) -> None:
    redis_server.stop()  # type: ignore[attr-defined]

    health = await site.client.get("/health/detailed")
    trades = await site.client.get("/api/energy-trades")

    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert trades.status_code == 200


async def test_health__asked_a_hundred_times_at_once__looks_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    call = site.app.state.rpc.call

    async def counted(method: str, params: list[object]) -> object:
        asked.append(method)
        return await call(method, params)

    monkeypatch.setattr(site.app.state.rpc, "call", counted)

    answers = await asyncio.gather(*(site.client.get("/health/detailed") for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert asked == ["eth_blockNumber"]


async def test_metrics__after_requests__name_the_figures_that_alerts_use(site: Site) -> None:
    await site.client.get("/api/energy-trades")

    text = (await site.client.get("/metrics")).text

    for name in (
        "gridx_request_seconds_bucket", "gridx_database_query_seconds_bucket", "gridx_database_pool_used",
        "gridx_gas_price_wei", "gridx_trades_last_hour", "gridx_failed_submissions", "gridx_queue_jobs",
        "gridx_outbox_waiting",
    ):  # fmt: skip
        assert name in text, name
    assert "lag_blocks" in text


async def test_metrics__any_route__is_named_by_its_whole_path(site: Site) -> None:
    await site.client.get("/api/market/islands/critical-loads")

    text = (await site.client.get("/metrics")).text

    assert 'route="/api/market/islands/critical-loads"' in text
    assert 'route="/critical-loads"' not in text


async def test_openapi__every_route__documents_its_envelope_and_refusals(site: Site) -> None:
    document = (await site.client.get("/api/openapi.json")).json()

    post = document["paths"]["/api/energy-trades"]["post"]["responses"]
    assert {"201", "202", "401", "403", "409", "422", "503"} <= post.keys()
    assert "trade.mismatch" in post["409"]["description"]
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            assert operation.get("summary"), (verb, path)


async def test_docs__served_by_us__loads_nothing_from_elsewhere(site: Site) -> None:
    answer = await site.client.get("/api/docs")
    page, policy = answer.text, answer.headers["content-security-policy"]

    inline = page.split("<script>")[1].split("</script>")[0]
    assert base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode() in policy
    assert (await site.client.get("/api/docs/assets/swagger-ui-bundle.js")).status_code == 200
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "https://" not in page
