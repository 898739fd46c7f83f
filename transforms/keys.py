"""The run's key: fetched where the work is done, never in the job graph, and the seal made with it."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.trouble import Trouble

SIZE = 32
NONCE = 12

_held: dict[str, bytes] = {}  # keys of this process by reference: the launcher's own workers need no socket


def hold(reference: str, key: bytes) -> None:
    """Keep a key for workers in this very process."""
    _held[reference] = key


def forget(reference: str) -> None:
    """Drop a key from this process."""
    _held.pop(reference, None)
    _fetch.cache_clear()


@dataclass(frozen=True)
class KeyReference:
    """Where the key is: all that the job graph knows. `socket:PATH` (the launcher's) or `file:PATH` (--key-ref)."""

    text: str

    def fetch(self) -> bytes:
        """The 32 bytes. Raises Trouble E102."""
        return _held.get(self.text) or _fetch(self.text)


@cache
def _fetch(reference: str) -> bytes:
    kind, _, path = reference.partition(":")
    try:
        key = _from_socket(path) if kind == "socket" else _from_file(path)
    except OSError as error:
        raise Trouble("E102", f"the run's key cannot be fetched: {error.strerror}") from None
    if len(key) != SIZE:
        raise Trouble("E102", f"the run's key has {len(key)} bytes, expected {SIZE}")
    return key


def _from_socket(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(20)
        line.connect(path)
        line.sendall(b"key\n")
        key = b""
        while len(key) < SIZE and (more := line.recv(SIZE - len(key))):
            key += more
    return key


def _from_file(path: str) -> bytes:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Trouble("E102", "the key file can be read by others; make its mode 0600")
        return file.read(SIZE + 1)


def derive(key: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose: keyed BLAKE2b, domain-separated (RFC 7693)."""
    return hashlib.blake2b(purpose.encode(), key=key, digest_size=SIZE, person=b"crowdlog derive").digest()


class Seal:
    """AES-256-GCM (NIST SP 800-38D) under a key of the run: what crosses a process boundary is sealed with it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(derive(key, "seal"))

    def close(self, content: bytes) -> bytes:
        """Nonce and ciphertext."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, content, b"crowdlog")

    def open(self, sealed: bytes | memoryview) -> bytes:
        """The content. Raises Trouble E103 when it was not sealed under this key."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], b"crowdlog")
        except InvalidTag:
            raise Trouble("E103", "a tally does not open under this run's key") from None
