# SPDX-License-Identifier: Apache-2.0
"""Files of models in an S3 store: `s3://bucket/prefix`. Whoever asks waits a bounded time.

Credentials, region and address come from where every client of S3 looks for them: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 (for stores other than Amazon's), profiles, roles. A
place is complete once the register names it; what was left half written is found by pruning.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from ai_service.forecasting import errors
from ai_service.forecasting.stores import OURS, Placed

CONNECT_S = 2.0
READ_S = 10.0
ATTEMPTS = 2
WHOLE_S = 60.0  # for all files of a place
ABSENT = ("NoSuchKey", "404")


class S3Store:
    """Places as keys below a prefix of a bucket: see stores.Store."""

    def __init__(self, root: str) -> None:
        parts = urlsplit(root)
        if not parts.netloc:
            raise errors.StoreUnknown("The address names no bucket", root=root)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self.root = root.rstrip("/")
        self._client: Any = None
        self._lock = threading.Lock()

    def put(self, folder: Path, place: str) -> None:
        """See Store."""
        with self._asked() as client:
            for path in sorted(folder.iterdir()):
                client.put_object(Bucket=self._bucket, Key=self._start(place) + path.name, Body=path.read_bytes())

    def get(self, place: str, folder: Path) -> None:
        """See Store."""
        until = monotonic() + WHOLE_S
        with self._asked() as client:
            keys = [each["Key"] for each in self._below(self._start(place))]
            if not keys:
                raise errors.ArtifactDamaged("There are no files", place=place)
            for key in keys:
                if monotonic() > until:
                    raise errors.ObjectStoreAway(f"It took longer than {WHOLE_S:g} s", place=place)
                (folder / key.rsplit("/", 1)[1]).write_bytes(self._read(client, key, place))

    def remove(self, place: str) -> None:
        """See Store."""
        with self._asked() as client:
            for each in list(self._below(self._start(place))):
                client.delete_object(Bucket=self._bucket, Key=each["Key"])

    def places(self) -> Iterator[Placed]:
        """See Store."""
        start = self._start()
        newest: dict[str, datetime] = {}
        with self._asked():
            for each in self._below(start):
                place = "/".join(each["Key"].removeprefix(start).split("/")[:2])
                newest[place] = max(newest.get(place, each["LastModified"]), each["LastModified"])
        for place in sorted(newest):
            if OURS.fullmatch(place):
                yield Placed(place, newest[place])

    def _read(self, client: Any, key: str, place: str) -> bytes:
        from botocore.exceptions import ClientError

        try:
            content: bytes = client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as problem:
            if problem.response["Error"]["Code"] in ABSENT:  # removed since it was listed
                raise errors.ArtifactDamaged("A file is not there", place=place) from problem
            raise
        return content

    def _below(self, start: str) -> Iterator[Any]:
        """All objects whose keys begin so, page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
        for page in pages:
            yield from page.get("Contents", ())

    def _start(self, place: str = "") -> str:
        """What the keys of a place, or of all, begin with."""
        return "".join(f"{part}/" for part in (self._prefix, place) if part)

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """The client; a store that does not answer, or refuses, becomes ObjectStoreAway."""
        import boto3
        from botocore.client import Config
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with self._lock:
                if self._client is None:
                    retries = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
                    limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
                    self._client = boto3.session.Session().client("s3", config=limits)
            yield self._client
        except (BotoCoreError, ClientError) as problem:
            raise errors.ObjectStoreAway(f"{type(problem).__name__}: {problem}", bucket=self._bucket) from problem
