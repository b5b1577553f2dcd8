# SPDX-License-Identifier: Apache-2.0
"""One audit from end to end: read the chain, rebuild, read the database in one snapshot, list what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backend.audit import balances, intervals, registers
from backend.audit.checkpoints import Checkpoint, HistoryWatch, compare_documents, documents_prefixes
from backend.audit.database import DatabaseLacksChain, Row, Snapshot, json_bytes, snapshot, wait_until_indexed
from backend.audit.decode import Decoder, Undecodable
from backend.audit.deployment import Deployment
from backend.audit.differences import LISTED, Code, Difference, Findings
from backend.audit.documents import Document, DocumentCheck
from backend.audit.encoding import hex_of
from backend.audit.fetch import Anchor, ChainReader, Options
from backend.audit.rebuild import History
from backend.audit.reclear import Reclearing
from backend.audit.report import Report, Totals
from backend.audit.rpc import Node, NodeFailed, client
from backend.audit.signatures import signer_of
from backend.audit.spool import Spool
from backend.audit.trades import TradeComparison, TradeTotals

DOCUMENTS_SETTLE = timedelta(minutes=2)
BEYOND_HEAD = 64

_DOCUMENTS = """
SELECT d.id::text AS id, d.account, d.sequence, d.previous_hash, d.kind, d.body, d.body_hash, d.signer, d.signature,
    (SELECT jsonb_agg(jsonb_build_array(c.kind, c.debit_account, c.credit_account, c.grams, c.trade_id, c.cycle))
     FROM carbon_transactions AS c WHERE c.document_id = d.id) AS moves
FROM carbon_documents AS d ORDER BY d.account, d.sequence
"""
_DOCUMENT_HASHES = "SELECT created_at, body_hash FROM carbon_documents WHERE created_at <= $1 ORDER BY created_at, id"
_CLAIMS = """
SELECT community::bigint AS community, sum(grams)::bigint AS grams, sum(settled_g)::bigint AS settled_g
FROM carbon_reserve_claims GROUP BY community
"""
_NEWER = """
SELECT count(*) FROM energy_trades WHERE chain = $1 AND block_number > $2 AND status <> 'ORPHANED'
"""
_BEYOND = """
SELECT trade_id, block_number FROM energy_trades
WHERE chain = $1 AND block_number > $2 AND status <> 'ORPHANED' ORDER BY block_number LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What to audit and how. `checkpoints` are of earlier reports; `operator` None takes the first that signs."""

    rpc_urls: Sequence[str]
    database_url: str
    deployment: Deployment
    options: Options = field(default_factory=Options)
    checkpoints: Sequence[Checkpoint] = ()
    operator: bytes | None = None
    wait_s: float = 20.0
    listed: int = LISTED


Say = Callable[[str], None]
Watch = Callable[[str, int, int], Awaitable[None]]
"""Told how far the audit is: step, how much of it is done, how much there is."""


async def unwatched(step: str, done: int, total: int) -> None:
    """Nobody looks."""


async def audit(
    request: Request, *, clock: Callable[[], datetime], say: Say = lambda _: None, watch: Watch = unwatched
) -> Report:
    """Run one audit. Raises WrongChain, NodeFailed, DatabaseLacksChain, OSError when it cannot be done at all."""
    started_at = clock()
    findings = Findings(request.listed)
    decoder = Decoder.from_file()
    history = History(decoder)
    async with client() as http:
        nodes = [Node(url, http) for url in dict.fromkeys(request.rpc_urls)]
        reader = ChainReader(nodes, request.deployment, decoder, findings, request.options)
        anchor = await reader.anchor()
        say(f"genesis {hex_of(anchor.genesis_hash)}")
        age = max(0, int(clock().timestamp()) - anchor.time)
        say(f"finalised block {anchor.number} {hex_of(anchor.hash)}, {age} s old")
        with Spool() as spool:
            await _read_chain(reader, anchor, history, spool, request.checkpoints, findings, watch)
            say(f"history: {anchor.count} entries, head {hex_of(anchor.head)}")
            await wait_until_indexed(request.database_url, request.deployment, anchor.number, timeout_s=request.wait_s)
            async with snapshot(request.database_url) as database:
                comparison = _Comparison(request, database, history, findings, watch)
                await comparison.run(reader, anchor, spool, started_at)
    return Report(
        request.deployment, anchor, started_at, clock(), reader.linked, comparison.operator, comparison.totals,
        comparison.checkpoint, len(request.checkpoints), findings,
    )  # fmt: skip


async def _read_chain(
    reader: ChainReader, anchor: Anchor, history: History, spool: Spool, checkpoints: Sequence[Checkpoint],
    findings: Findings, watch: Watch,
) -> None:  # fmt: skip
    """Fold every log into the history and the spool, and hold the result against the contract and earlier reports."""
    earlier = HistoryWatch(checkpoints)
    last_block = reader.deployment.block_number
    blocks = anchor.number - reader.deployment.block_number
    async for page in reader.pages(anchor):
        for log in page:
            findings.extend(earlier.reach(log.block_number, history.count, history.head))
            history.take(log)
            spool.add(log)
            last_block = log.block_number
        await watch("chain", reader.reached - reader.deployment.block_number, blocks)
    findings.extend(earlier.reach(anchor.number + 1, history.count, history.head))
    findings.extend(earlier.finish(anchor.number))
    for checkpoint in checkpoints:
        if checkpoint.final_block <= anchor.number:
            found = await reader.node.block_hash(checkpoint.final_block)
            if found != checkpoint.final_hash:
                subject = f"checkpoint at block {checkpoint.final_block}"
                findings.add(
                    Difference(Code.CHECKPOINT_CONTRADICTED, subject, "blockHash", checkpoint.final_hash, found)
                )
    if (history.count, history.head) != (anchor.count, anchor.head):
        await _name_the_gap(reader, anchor, history, last_block, findings)


async def _name_the_gap(
    reader: ChainReader, anchor: Anchor, history: History, last_block: int, findings: Findings
) -> None:
    """The logs are not those that the contract counted: were the last ones cut off, or is one within left out?"""
    if history.count >= anchor.count:
        findings.add(Difference(Code.HISTORY_HEAD, "history", "head", anchor.head, history.head))
        return
    try:
        until = await reader.history_at(last_block)
    except NodeFailed:
        until = None
    code = Code.HISTORY_TRUNCATED if until == (history.count, history.head) else Code.LOG_WITHHELD
    note = f"the node's logs end at block {last_block}" if code is Code.HISTORY_TRUNCATED else "left out by the node"
    findings.add(Difference(code, "node", "count", anchor.count, history.count, note))


class _Comparison:
    """The database side of one audit."""

    def __init__(
        self, request: Request, database: Snapshot, history: History, findings: Findings, watch: Watch
    ) -> None:
        self.request = request
        self.watch = watch
        self.database = database
        self.history = history
        self.findings = findings
        self.totals = Totals()
        self.operator: bytes | None = None
        self.checkpoint: Checkpoint

    async def run(self, reader: ChainReader, anchor: Anchor, spool: Spool, now: datetime) -> None:
        """Compare everything; results stand in the attributes afterwards. Raises DatabaseLacksChain."""
        chain = await self.database.chain_key(self.request.deployment)
        late = await self._late(reader, anchor)
        await self._at("registers")
        await registers.compare_registers(self.database, chain, self.history, self.findings, anchor.number)
        await self._at("observations")
        await registers.compare_observations(self.database, chain, spool, self.findings, anchor.number)
        await self._at("trades")
        trades = TradeComparison(
            self.database, chain, self.history, self.findings, late=late, block_hash=reader.node.block_hash
        )
        counted = await trades.run(spool, anchor.number)
        await self._at("receipts")
        receipts = await Reclearing(self.database, chain, self.request.deployment.address, self.findings).run()
        newer = await self._newer(reader, chain, anchor)
        await self._at("documents")
        documents = await self._documents(reader, chain, anchor, counted)
        await self._at("balances")
        await balances.compare_balances(
            self.database, chain, anchor.number, sorted(late), counted.expected_g, self.findings
        )
        await self._at("intervals")
        await intervals.compare_intervals(self.database, chain, self.findings, now)
        await self._at("transfers")
        await balances.compare_transfers(self.database, chain, self.findings)
        await balances.compare_boards(self.database, self.findings)
        await balances.compare_people(self.database, chain, self.findings)
        await self._leave_checkpoint(anchor, now)
        self.totals = Totals(
            spool.count, counted.compared, counted.consented, counted.energy_wh, counted.claim_g, documents,
            newer + len(late), receipts,
        )  # fmt: skip

    async def _at(self, step: str) -> None:
        await self.watch(step, 0, 1)

    async def _late(self, reader: ChainReader, anchor: Anchor) -> frozenset[bytes]:
        """Trades whose consent lies after the audited block; read after the snapshot was taken, so none is missed."""
        found = set()
        for log in await reader.tail(anchor):
            try:
                event = self.history.decoder.decode(log.topics, log.data)
            except Undecodable:
                continue
            if event.name == "EnergyTradeConfirmed":
                found.add(event.values["tradeId"])
        return frozenset(found)

    async def _newer(self, reader: ChainReader, chain: int, anchor: Anchor) -> int:
        """Trades beyond the audited block are not compared yet, but none can lie beyond the chain's end."""
        head = await reader.head_number()
        for row in await self.database.rows(_BEYOND, chain, head + BEYOND_HEAD, self.findings.limit):
            note = f"block {row['block_number']} is beyond the chain's head {head}"
            self.findings.add(Difference(Code.TRADE_EXTRA, hex_of(row["trade_id"]), "block_number", note=note))
        return int(await self.database.value(_NEWER, chain, anchor.number) or 0)

    async def _documents(self, reader: ChainReader, chain: int, anchor: Anchor, counted: TradeTotals) -> int:
        check = DocumentCheck(self.request.deployment, self.request.operator)
        async for row in self.database.stream(_DOCUMENTS):
            document = _document(row)
            if signer_of(document.body_hash, document.signature) != document.signer:
                await self._ask_wallet(reader, anchor, document, check)
            self.findings.extend(check.take(document))
        claims = {
            b"\x02" + row["community"].to_bytes(4, "big"): (row["grams"], row["settled_g"])
            for row in await self.database.rows(_CLAIMS)
        }
        self.findings.extend(check.finish(claims))
        await balances.compare_corrections(self.database, chain, check.corrected, self.findings)
        for account, grams in check.effects.items():
            if len(account) == 20:
                counted.expected_g[account] += grams
        self.operator = check.operator
        return check.checked

    async def _ask_wallet(self, reader: ChainReader, anchor: Anchor, document: Document, check: DocumentCheck) -> None:
        """A signature that no key made may be a contract wallet's: ask it, as of the audited block."""
        if await reader.accepts(document.signer, document.body_hash, document.signature, anchor.number):
            check.accepted.add((document.signer, document.body_hash, document.signature))

    async def _leave_checkpoint(self, anchor: Anchor, now: datetime) -> None:
        until = now - DOCUMENTS_SETTLE
        moments = [until, *(checkpoint.documents_until for checkpoint in self.request.checkpoints)]
        prefixes = await documents_prefixes(self._hashes(max(moments)), moments)
        self.findings.extend(compare_documents(self.request.checkpoints, prefixes))
        count, digest = prefixes[until]
        self.checkpoint = Checkpoint(anchor.number, anchor.hash, anchor.count, anchor.head, until, count, digest)

    async def _hashes(self, until: datetime) -> AsyncIterator[tuple[datetime, bytes]]:
        async for row in self.database.stream(_DOCUMENT_HASHES, until):
            yield row["created_at"], row["body_hash"]


def _document(row: Row) -> Document:
    moves = tuple(
        (kind, json_bytes(debit) or b"", json_bytes(credit) or b"", grams, _trade_text(trade), cycle)
        for kind, debit, credit, grams, trade, cycle in row["moves"] or ()
    )
    return Document(
        row["id"], row["account"], row["sequence"], row["previous_hash"], row["kind"], row["body"], row["body_hash"],
        row["signer"], row["signature"], moves,
    )  # fmt: skip


def _trade_text(text: str | None) -> str | None:
    trade_id = json_bytes(text)
    return None if trade_id is None else hex_of(trade_id)


__all__ = ["DatabaseLacksChain", "Request", "audit"]
