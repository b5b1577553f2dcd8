# SPDX-License-Identifier: Apache-2.0
"""A database that is right passes; what is newer than the audited block is no difference."""


async def test_audit__right_database__finds_nothing(books, run_audit):
    report = await run_audit()

    assert [difference.row() for difference in report.findings] == []
    assert report.verdict == "agrees with this node"
    assert report.totals.trades == 7
    assert report.totals.consented == 3
    assert report.totals.documents == 4
    assert report.every_header_checked
