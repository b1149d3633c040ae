"""Encryption of blobs: AES-256-GCM in chunks, under a key of each blob's own, which a master key wraps.

    sealed = "BDB1" | id of the master key (6) | nonce (12) | the blob's key, wrapped (48) | chunk*
    chunk  = AES-256-GCM(at most 1 MiB), its nonce the number of the chunk, and whether it is the last

A chunk that is changed, left out, moved, or cut off at the end fails, and so does a blob in the place of another
tenant's: the wrapping is bound to the tenant. Several master keys may read, of which the first writes.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from backdesk.worker.blobs.objects import CHUNK
from backdesk.worker.errors import BlobCorrupt, BlobLocked, ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MARK = b"BDB1"
_ID_BYTES = 6
_NONCE_BYTES = 12
_TAG_BYTES = 16
_WRAPPED_BYTES = 32 + _TAG_BYTES
_HEAD_BYTES = len(_MARK) + _ID_BYTES + _NONCE_BYTES + _WRAPPED_BYTES
_MISSING = 'BACKDESK_BLOBS_KEY is set, and the library that encrypts is missing: pip install "backdesk[blobs]"'


class Keyring:
    """The master keys of a deployment."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = {_id_of(key): key for key in keys}
        self.writes = next(iter(self._keys), "")
        if self._keys:
            _aes()

    def sealing(self, tenant: str) -> Sealing | None:
        """Begin to encrypt a blob of a tenant; None without a key."""
        if not self.writes:
            return None
        key, nonce = secrets.token_bytes(32), secrets.token_bytes(_NONCE_BYTES)
        head = _MARK + bytes.fromhex(self.writes) + nonce
        wrapped = _aes()(self._keys[self.writes]).encrypt(nonce, key, head + tenant.encode())
        return Sealing(_aes()(key), head + wrapped)

    def open(self, chunks: Iterable[bytes], tenant: str) -> Iterator[bytes]:
        """Decrypt a blob of a tenant. Raises BlobLocked without its key, BlobCorrupt for what was not written so."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra, which who has no key is without

        pieces = _pieces(chunks)
        try:
            cipher = self._unwrapped(next(pieces), tenant)
            for number, (piece, last) in enumerate(_with_last(pieces)):
                yield cipher.decrypt(_nonce(number, last=last), piece, None)
        except InvalidTag:
            raise BlobCorrupt("is not as it was encrypted: somebody has changed it, or it is another's") from None

    def _unwrapped(self, head: bytes, tenant: str) -> AESGCM:
        if len(head) != _HEAD_BYTES or not head.startswith(_MARK):
            raise BlobCorrupt("is not encrypted as its reference says")
        said, wrapped = head[:-_WRAPPED_BYTES], head[-_WRAPPED_BYTES:]
        key_id = said[len(_MARK) : len(_MARK) + _ID_BYTES].hex()
        master = self._keys.get(key_id)
        if master is None:
            known = ", ".join(self._keys) or "no key at all"
            raise BlobLocked(f"is encrypted under the key {key_id}, and BACKDESK_BLOBS_KEY here has {known}")
        key = _aes()(master).decrypt(said[-_NONCE_BYTES:], wrapped, said + tenant.encode())
        return _aes()(key)


class Sealing:
    """A blob that is being encrypted."""

    def __init__(self, cipher: AESGCM, head: bytes) -> None:
        self._cipher = cipher
        self._head = head
        self._number = 0
        self._held = bytearray()

    def update(self, data: bytes) -> bytes:
        """Return what is to be written next."""
        self._held += data
        sealed = [self._take_head()]
        while len(self._held) > CHUNK:  # what may be the last chunk is held back, as it is marked
            sealed.append(self._sealed(bytes(self._held[:CHUNK]), last=False))
            del self._held[:CHUNK]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """Return the rest."""
        return self._take_head() + self._sealed(bytes(self._held), last=True)

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _sealed(self, piece: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), piece, None)
        self._number += 1
        return sealed


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"backdesk blobs key " + key).hexdigest()[: 2 * _ID_BYTES]


def _nonce(number: int, *, last: bool) -> bytes:
    return struct.pack(">3xQB", number, last)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the head, then encrypted chunks, whatever the sizes in which they come."""
    held, wanted = bytearray(), _HEAD_BYTES
    for chunk in chunks:
        held += chunk
        while len(held) >= wanted:
            yield bytes(held[:wanted])
            del held[:wanted]
            wanted = CHUNK + _TAG_BYTES
    if held or wanted == _HEAD_BYTES:
        yield bytes(held)


def _with_last(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    held = next(pieces, b"")
    for piece in pieces:
        yield held, False
        held = piece
    yield held, True


def _aes() -> Callable[[bytes], AESGCM]:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ConfigurationError(_MISSING) from error
    return AESGCM
