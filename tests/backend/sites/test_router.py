# SPDX-License-Identifier: Apache-2.0
"""Houses and readings over HTTP: shapes, status codes, files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from backend.accounts.deps import acting, org_scope
from backend.core.crypto import address_of
from backend.core.db import Actor
from backend.core.units import format_address
from backend.sites import service, uploads
from backend.sites.attestation import sign_reading
from backend.sites.types import MAX_UPLOAD_BYTES, MAX_UPLOAD_ROWS, CommunityRow, MeterRow

from .conftest import CHAIN, METER_KEY, Home

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

START = datetime(2026, 1, 10, 12, tzinfo=UTC)
METER = 2**62 + 5
CSV = {"content-type": "text/csv"}
TOO_MANY_ROWS = b"houseId,start,productionKwh\n" + b"x\n" * (MAX_UPLOAD_ROWS + 1)


@pytest.fixture
def act(app: Any) -> Callable[[Actor], None]:
    """Make every request of this test act as somebody."""

    def become(actor: Actor) -> None:
        app.dependency_overrides[acting] = lambda: actor
        app.dependency_overrides[org_scope] = lambda: actor

    return become


@pytest.fixture
async def home(act, make_house) -> Home:
    made: Home = await make_house(meter=METER, signed=True)
    act(made.owner)
    return made


def reading(home: Home, **values: Any) -> dict[str, Any]:
    return {"houseId": str(home.id), "start": START.isoformat(), "productionKwh": "0.5"} | values


async def post(client: httpx.AsyncClient, body: Any, **params: Any) -> tuple[int, Any]:
    answer = await client.post("/api/energy-production", json=body, params=params)
    content = answer.json()
    return answer.status_code, content["data"] or content["error"]


async def test_houses__whole_life__over_http(client, act, make_user, make_community, service_db):
    from sqlalchemy import text

    actor = Actor(user_id=await make_user(), org_id=await make_community(number=7), org_role="member")
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:o, :u, 'member', now())"),
            {"o": actor.org_id, "u": actor.user_id},
        )
    act(actor)
    body = {"name": "Blue door", "capacityKw": "5.5", "latitude": 37.5, "longitude": "-122.123456"}

    made = await client.post("/api/houses", json=body)
    house = made.json()["data"]
    changed = await client.put(
        f"/api/houses/{house['id']}", json=body | {"name": "Red door", "readingMinutes": 5, "connectionKw": "17.25"}
    )
    listed = await client.get("/api/houses")
    gone = await client.delete(f"/api/houses/{house['id']}")
    after = await client.get(f"/api/houses/{house['id']}")

    assert made.status_code == 201
    assert (house["capacityKw"], house["latitude"], house["longitude"]) == ("5.5", "37.5", "-122.123456")
    assert (house["readingMinutes"], house["meter"], house["ownerId"]) == (15, None, str(actor.user_id))
    assert (changed.json()["data"]["name"], changed.json()["data"]["readingMinutes"]) == ("Red door", 5)
    assert (house["connectionKw"], changed.json()["data"]["connectionKw"]) == (None, "17.25")
    assert listed.json()["meta"]["pagination"]["total"] == 1
    assert (gone.status_code, gone.content) == (204, b"")
    assert (after.status_code, after.json()["error"]["code"]) == (404, "sites.house_not_found")


async def test_list_meters__enrolled_for_my_wallet__with_the_house_that_has_each(
    client, act, make_house, make_community, service_db
):
    from sqlalchemy import text

    wallet, org_id = b"\xaa" * 20, await make_community(number=7)
    home = await make_house(meter=METER, signed=True, org_id=org_id)
    other = MeterRow(METER + 1, b"\xbb" * 20, 7, "CAMX", 15, None, 10, 1)
    free = MeterRow(METER + 2, wallet, 7, "CAMX", 15, None, 10, 2)
    elsewhere = MeterRow(METER + 3, wallet, 8, "CAMX", 15, None, 10, 3)
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO wallets (id, address, user_id, valid_from) VALUES (uuidv7(), :a, :u, now())"),
            {"a": wallet, "u": home.owner_id},
        )
        await service.record_meters(session, CHAIN, [other, free, elsewhere])
    act(home.owner)

    answer = await client.get("/api/houses/meters")

    found = [(item["meter"], item["houseId"]) for item in answer.json()["data"]]
    assert found == [(str(METER), str(home.id)), (str(METER + 2), None)]


async def test_list_communities__registered__shows_no_name(client, make_community, service_db):
    await make_community(number=7, time_zone="America/Los_Angeles", delivery_minutes=30)
    async with service_db.begin() as session:
        rows = [CommunityRow(7, "CAMX", 30, 5, 0), CommunityRow(8, "NYUP", 15, 5, 1)]
        await service.record_communities(session, CHAIN, rows)

    answer = await client.get("/api/communities")

    assert answer.json()["data"] == [
        {"community": 7, "region": "CAMX", "deliveryMinutes": 30, "timeZone": "America/Los_Angeles", "currency": "INR"}
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"capacityKw": "5.5555"}, {"capacityKw": "NaN"}, {"capacityKw": -1}, {"latitude": 91}, {"longitude": 0.1234567},
        {"name": ""}, {"name": "a\nb"}, {"meter": "0"}, {"meter": str(2**63)}, {"readingMinutes": 7}, {"extra": 1},
    ],
)  # fmt: skip
async def test_create_house__bad_field__is_invalid(client, home, change):
    body = {"name": "Blue door", "capacityKw": "5", "latitude": 1, "longitude": 1} | change

    answer = await client.post("/api/houses", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")


async def test_post_reading__one__is_created_then_known(client, home):
    first = await post(client, reading(home))
    second = await post(client, reading(home))

    assert (first[0], first[1]["recorded"], first[1]["rows"]) == (201, 1, [])
    assert (second[0], second[1]["repeated"]) == (200, 1)


async def test_post_reading__contradiction__is_a_conflict_that_shows_both_values(client, home):
    await post(client, reading(home))

    status, error = await post(client, reading(home, productionKwh="0.6"))

    assert (status, error["code"]) == (409, "sites.readings_contradict")
    [row] = error["details"]["rows"]
    assert (row["line"], row["value"], row["code"]) == (1, "0.6 kWh", "reading.contradicts")
    assert "0.5 kWh" in row["message"]


async def test_post_readings__some_bad__good_ones_land_and_207_says_so(client, home):
    bad = reading(home, start=(START + timedelta(minutes=7)).isoformat())

    status, outcome = await post(client, [reading(home), bad])

    assert (status, outcome["recorded"], outcome["refused"]) == (207, 1, 1)
    assert [(row["line"], row["code"]) for row in outcome["rows"]] == [(2, "reading.off_grid")]


async def test_post_reading__in_the_future__is_invalid(client, home):
    status, error = await post(client, reading(home, start="2199-01-01T00:00:00Z"))

    assert (status, error["code"]) == (422, "sites.readings_refused")
    assert error["details"]["rows"][0]["code"] == "reading.future"


async def test_post_reading__signed__is_the_devices(client, home, stored):
    signature = sign_reading(METER_KEY, meter=METER, start=START, minutes=15, quantities=(500, None, None, None))

    status, _ = await post(client, reading(home, meter=str(METER), signature="0x" + signature.hex()))

    assert status == 201
    [row] = await stored("SELECT attestation FROM energy_production")
    assert row["attestation"] == "device"


async def test_post_reading__member_attests_as_operator__is_forbidden(client, home):
    status, error = await post(client, reading(home), attestation="operator")

    assert (status, error["code"]) == (403, "sites.operator_only")


@pytest.mark.parametrize(
    "change",
    [
        {"productionKwh": "0.1234"}, {"productionKwh": "NaN"}, {"productionKwh": -1}, {"productionKwh": True},
        {"start": "2026-01-10T12:00:00"}, {"signature": "0x12"}, {"temperatureC": 91}, {"unknown": 1}, {"revision": -1},
        {"meter": 1.5}, {"source": "a\x00b"}, {"houseId": "x"},
    ],
)  # fmt: skip
async def test_post_reading__bad_field__is_invalid_and_nothing_lands(client, home, stored, change):
    status, error = await post(client, [reading(home), reading(home) | change])

    assert (status, error["code"]) == (422, "request.invalid")
    assert await stored("SELECT FROM energy_production") == []


@pytest.mark.parametrize("many", [0, 1_001])
async def test_post_readings__none_or_too_many__is_invalid(client, home, many):
    status, _ = await post(client, [reading(home)] * many)

    assert status == 422


async def test_get_readings__hours__show_sums_and_what_is_known(client, home):
    rows = [reading(home, start=(START + timedelta(minutes=15 * n)).isoformat(), importKwh=0.25) for n in range(4)]
    await post(client, rows)
    params = {"houseId": str(home.id), "from": START.isoformat(), "to": (START + timedelta(hours=2)).isoformat()}

    answer = (await client.get("/api/energy-production", params=params)).json()

    full, empty = answer["data"]
    assert (full["productionKwh"], full["importKwh"], full["exportKwh"], full["complete"]) == ("2", "1", None, True)
    assert full["knownMinutes"] == {"production": 60, "consumption": 0, "export": 0, "import": 60}
    assert (empty["productionKwh"], empty["complete"], empty["attestation"]) == (None, False, None)
    assert answer["meta"]["pagination"] == {"page": 1, "limit": 20, "total": 2}


@pytest.mark.parametrize(
    "change",
    [{"to": "2026-01-10T11:00:00Z"}, {"to": "2099-01-10T11:00:00Z"}, {"from": "2026-01-10"}, {"resolution": "2h"}],
)
async def test_get_readings__bad_range__is_invalid(client, home, change):
    params = {"houseId": str(home.id), "from": START.isoformat(), "to": "2026-01-11T12:00:00Z"} | change

    assert (await client.get("/api/energy-production", params=params)).status_code == 422


async def test_get_readings__strangers_house__is_not_found(client, home, act, make_user):
    act(Actor(user_id=await make_user()))
    params = {"houseId": str(home.id), "from": START.isoformat(), "to": "2026-01-11T12:00:00Z"}

    answer = await client.get("/api/energy-production", params=params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "sites.house_not_found")


def file_of(home: Home, rows: int, *, kwh: str = "0.5") -> bytes:
    since = START - timedelta(days=1_200)
    lines = (f"{home.id},{(since + timedelta(minutes=15 * n)).isoformat()},{kwh},," for n in range(rows))
    return b"houseId,start,productionKwh,exportKwh,source\n" + "\n".join(lines).encode()


async def test_upload__a_hundred_thousand_rows__all_land_and_again_change_nothing(client, home, stored):
    content = file_of(home, MAX_UPLOAD_ROWS)

    first = await client.post("/api/energy-production/uploads", content=content, headers=CSV)
    second = await client.post("/api/energy-production/uploads", content=content, headers=CSV)

    assert (first.status_code, first.json()["data"]["recorded"]) == (201, MAX_UPLOAD_ROWS)
    assert (second.status_code, second.json()["data"]["repeated"]) == (200, MAX_UPLOAD_ROWS)
    [row] = await stored("SELECT count(*), sum(production_wh) FROM energy_production")
    assert tuple(row) == (MAX_UPLOAD_ROWS, 500 * MAX_UPLOAD_ROWS)


async def test_upload__bad_rows__are_listed_with_line_field_value_and_remedy(client, home):
    content = file_of(home, 3) + f"\n{home.id},{START.isoformat()},-1,,\n{home.id},noon,1,,\n".encode()

    answer = await client.post("/api/energy-production/uploads", content=content, headers=CSV)

    outcome = answer.json()["data"]
    assert (answer.status_code, outcome["received"], outcome["recorded"], outcome["refused"]) == (207, 5, 3, 2)
    assert [(row["line"], row["field"], row["value"]) for row in outcome["rows"]] == [
        (5, "productionKwh", "-1"), (6, "start", "noon"),
    ]  # fmt: skip
    assert all(row["message"] for row in outcome["rows"])


async def test_upload__report_as_csv__quotes_formulas(client, home):
    content = file_of(home, 1) + f"\n{home.id},{START.isoformat()},=1+1,,\n".encode()

    answer = await client.post("/api/energy-production/uploads", content=content, headers={**CSV, "accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[1].startswith("3,productionKwh,'=1+1,row.unit.not_a_number,")


async def test_upload__json_lines_for_one_house__land(client, home):
    content = f'{{"start":"{START.isoformat()}","productionKwh":0.5}}\n'.encode()

    answer = await client.post(
        "/api/energy-production/uploads", params={"houseId": str(home.id)}, content=content,
        headers={"content-type": "application/x-ndjson"},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["data"]["recorded"]) == (201, 1)


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"houseId,start\n", "text/csv", 422, "sites.upload_columns"),
        ("houseId,start\n".encode("utf-16"), "text/csv", 422, "sites.upload_encoding"),
        (b"PK\x03\x04", "application/vnd.ms-excel", 422, "sites.upload_format"),
        (
            b"houseId,start,productionKwh\n" + b"x\n" * (MAX_UPLOAD_ROWS + 1),
            "text/csv",
            413,
            "sites.upload_too_many_rows",
        ),
    ],
    ids=["columns", "encoding", "format", "rows"],
)
async def test_upload__file_that_cannot_be_used__is_refused_whole(
    client, home, stored, content, content_type, status, code
):
    answer = await client.post(
        "/api/energy-production/uploads", content=content, headers={"content-type": content_type}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert await stored("SELECT FROM energy_production") == []


async def test_upload__hundred_megabytes_declared__is_refused_before_it_is_read(client, home):
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    answer = await client.post(
        "/api/energy-production/uploads", content=body(), headers={**CSV, "content-length": str(100_000_000)}
    )

    assert (answer.status_code, read) == (413, 0)


async def test_parse_upload__more_than_declared__stops_at_the_limit():
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    with pytest.raises(uploads.UploadTooLarge):
        await uploads.parse_upload(endless(), content_type="text/csv", declared_length=None, house_id=None)

    assert sent <= MAX_UPLOAD_BYTES + (1 << 20)


async def test_slot__too_many_at_once__says_when_to_come_back():
    async with uploads.slot(), uploads.slot(), uploads.slot(), uploads.slot():
        with pytest.raises(uploads.UploadsBusy) as busy:
            await uploads.slot().__aenter__()

    assert busy.value.retry_after_s == 5
    async with uploads.slot():
        pass


async def test_register_device_key__over_http__only_the_chains_key_for_an_owner(client, home):
    enrolled = address_of(METER_KEY)

    taken = await client.put(f"/api/houses/{home.id}/device-key", json={"deviceKey": format_address(enrolled)})
    refused = await client.put(f"/api/houses/{home.id}/device-key", json={"deviceKey": "0x" + "ab" * 20})

    assert (taken.status_code, taken.json()["data"]["deviceKey"]) == (200, format_address(enrolled))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "sites.device_key_refused")


async def test_list_houses__operator__sees_the_communitys_and_filters_by_owner(client, act, make_house, make_user):
    first = await make_house()
    second = await make_house(org_id=first.org_id)
    await make_house()
    act(Actor(user_id=await make_user(), org_id=first.org_id, org_role="operator"))

    every = (await client.get("/api/houses")).json()["data"]
    one = (await client.get("/api/houses", params={"ownerId": str(second.owner_id)})).json()["data"]

    assert [house["id"] for house in every] == [str(first.id), str(second.id)]
    assert [house["id"] for house in one] == [str(second.id)]
