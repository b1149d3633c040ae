"""Blobs in an object store that speaks S3, by `obstore`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from backdesk.worker.blobs.objects import CHUNK, Kept
from backdesk.worker.errors import BlobStoreUnavailable, ConfigurationError

if TYPE_CHECKING:
    from obstore.store import S3Store

#: Up to this an object is held in memory until it is sent, and in a temporary file beyond.
_IN_MEMORY = 8 * 1024 * 1024
#: What an address may say besides bucket and prefix.
_OPTIONS = {"endpoint", "region", "virtual_hosted_style_request"}
_MISSING = 'BACKDESK_BLOBS_URL names an object store: pip install "backdesk[blobs]"'
#: A request that is not answered at all is given up after this, and so are its repetitions.
_PATIENCE = timedelta(seconds=60)
#: What an object store says of an error, in XML.
_MESSAGE = re.compile(r"<Message>(.+?)</Message>", re.DOTALL)
_LONGEST_REASON = 300
#: Objects that a store lists in one answer.
_A_PAGE = 1000


class Bucket:
    """A bucket, or the part of it under a prefix. Credentials come as AWS's own tools take them."""

    def __init__(self, url: str, below: str) -> None:
        parts = urlsplit(url)
        prefix = f"{parts.path.strip('/')}/{below}".lstrip("/")
        self.where = f"s3://{parts.netloc}/{prefix}"
        self._store = _opened(parts.netloc, prefix, dict(parse_qsl(parts.query)))

    @contextmanager
    def incoming(self) -> Iterator[_Upload]:
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            yield _Upload(self._store, self.where, file)

    def read(self, key: str) -> Iterator[bytes]:
        import obstore  # noqa: PLC0415 - an extra, which a deployment with a folder is without

        with _told(self.where, lets=FileNotFoundError):
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    def copy(self, key: str, to: str) -> None:
        import obstore  # noqa: PLC0415 - as above

        with _told(self.where, lets=FileNotFoundError):
            obstore.copy(self._store, key, to)

    def list(self, prefix: str, after: str = "") -> Iterator[Kept]:
        import obstore  # noqa: PLC0415 - as above

        with _told(self.where):
            for page in obstore.list(self._store, prefix.rstrip("/"), offset=after or None, chunk_size=_A_PAGE):
                for each in page:
                    yield Kept(each["path"], each["size"], each["last_modified"].timestamp())

    def delete(self, key: str) -> None:
        import obstore  # noqa: PLC0415 - as above

        keys = [each.key for each in self.list(key)] if key.endswith("/") else [key]
        with _told(self.where):
            if keys:
                obstore.delete(self._store, keys)

    def folders(self) -> Sequence[str]:
        import obstore  # noqa: PLC0415 - as above

        with _told(self.where):
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
        return sorted(each.strip("/") for each in found)

    def link(self, key: str, seconds: int) -> str | None:
        import obstore  # noqa: PLC0415 - as above

        with _told(self.where):
            return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))

    def tidy(self) -> None:
        """Do nothing: what was half written is in nobody's way; a bucket's own rules end uploads that were not."""


class _Upload:
    """An object that is being written, here until all of it is known."""

    def __init__(self, store: S3Store, where: str, file: SpooledTemporaryFile[bytes]) -> None:
        self._store = store
        self._where = where
        self._file = file
        self.write = file.write

    def keep(self, key: str, headers: Mapping[str, str]) -> None:
        import obstore  # noqa: PLC0415 - as above

        self._file.seek(0)
        with _told(self._where):
            # As in the type of `attributes`, whose names are a union of literals and any other text.
            obstore.put(self._store, key, cast("IO[bytes]", self._file), attributes=cast("Any", dict(headers)))


def _opened(bucket: str, prefix: str, options: dict[str, str]) -> S3Store:
    try:
        from obstore.store import S3Store  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ConfigurationError(_MISSING) from error
    if unknown := options.keys() - _OPTIONS:
        raise ConfigurationError(f"BACKDESK_BLOBS_URL: {min(unknown)!r} is none of {', '.join(sorted(_OPTIONS))}")
    given = cast("Any", options)
    return S3Store(
        bucket,
        prefix=prefix,
        client_options={"allow_http": True, "timeout": _PATIENCE},
        retry_config={"max_retries": 4, "retry_timeout": _PATIENCE},
        **given,
    )


@contextmanager
def _told(where: str, lets: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Tell of what the store refuses as of one that cannot be used; `lets` is for the caller to handle."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

    try:
        yield
    except lets:
        raise
    except (BaseError, OSError, ValueError) as error:
        raise BlobStoreUnavailable(f"the blobs at {where} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return what the store has said, out of a text with all that went before it."""
    said = str(error)
    if found := _MESSAGE.search(said):
        return " ".join(found[1].split())[:_LONGEST_REASON]
    return " ".join(said.partition("Debug source")[0].split())[:_LONGEST_REASON]
