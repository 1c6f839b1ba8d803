"""An object store of our own on this machine: what S3 answers to listing and to reading ranges, and plain HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest


@dataclass
class ObjectStore:
    """A store with one bucket.

    Attributes:
        port: where it listens.
        objects: content by key.
        forbidden: whether it refuses whoever asks.
        asked: the keys that were read.
    """

    port: int
    objects: dict[str, bytes] = field(default_factory=dict)
    forbidden: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def s3(self) -> str:
        """The bucket's address; Polars keeps what it knows of a bucket, so each store has one of its own."""
        return f"s3://shop-{self.port}"

    @property
    def http(self) -> str:
        """The same over HTTP."""
        return f"http://127.0.0.1:{self.port}/shop-{self.port}"


@contextmanager
def object_store(patch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A store that answers, and an environment that leads to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), "ETag": '"1"', **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            key = unquote(asked.path).lstrip("/").partition("/")[2]
            if store.forbidden:
                self._answer(403)
            elif not key:
                begin = parse_qs(asked.query).get("prefix", [""])[0]
                self._answer(200, listing(begin), Content_Type="application/xml")
            elif key not in store.objects:
                self._answer(404)
            else:
                store.asked.append(key)
                self._part(store.objects[key])

        do_HEAD = do_GET

        def _part(self, content: bytes) -> None:
            first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
            if not (first or last):
                return self._answer(200, content, Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")
            start = int(first) if first else max(0, len(content) - int(last))
            end = min(int(last) if first and last else len(content) - 1, len(content) - 1)
            about = f"bytes {start}-{end}/{len(content)}"
            when = "Thu, 01 Jan 2026 00:00:00 GMT"
            return self._answer(206, content[start : end + 1], Content_Range=about, Last_Modified=when)

    def listing(begin: str) -> bytes:
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>1</ETag><Size>{len(content)}</Size></Contents>"
            for key, content in sorted(store.objects.items())
            if key.startswith(begin)
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated><MaxKeys>1000</MaxKeys>{entries}</ListBucketResult>"
        return text.encode()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store = ObjectStore(server.server_port)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.port}",
        "AWS_ACCESS_KEY_ID": "name",
        "AWS_SECRET_ACCESS_KEY": "key",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        patch.setenv(name, value)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
