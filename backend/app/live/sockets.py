"""The bus of one machine: every publisher listens on a Unix socket in one directory.

Both sides send frames of four bytes of length and the rest. A listener says which organisations it
wants, all of them anew each time; a publisher sends their records.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import structlog

from app.core.clock import SYSTEM_CLOCK
from app.core.ids import OrgId

log = structlog.get_logger(__name__)

_LENGTH = struct.Struct(">I")
_ID_BYTES = 16
# What may wait for a listener that does not read; beyond, frames pass it by.
MAX_UNSENT_BYTES = 8 * 1024 * 1024
MAX_FRAME_BYTES = 64 * 1024 * 1024
SCAN_SECONDS = 0.5
_ADDRESS_BYTES = 100  # what the kernel takes, with some room
# A socket is called so until it listens: before, it refuses whoever knocks, as if it were dead.
_NEW = ".new"
_NEW_NS = 60 * 10**9


class SocketPublisher:
    """A `Publisher` with a thread of its own, which an event loop runs in."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"{os.getpid()}-{secrets.token_hex(4)}.sock"
        self._wanted: frozenset[OrgId] = frozenset()
        self._listeners: dict[asyncio.StreamWriter, frozenset[OrgId]] = {}
        self._loop = asyncio.new_event_loop()
        self._is_ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="live-publisher", daemon=True)
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in directory.glob("*.sock"):
                if not _is_heard(left):
                    _forget(left)
            for left in directory.glob(f"*{_NEW}"):
                if _is_old(left):
                    _forget(left)
        except OSError as error:
            # Nobody can watch; logs are stored all the same.
            log.warning("live_publisher_failed", detail=str(error))
            self._loop.close()
            return
        self._thread.start()
        self._is_ready.wait()

    def wanted(self) -> frozenset[OrgId]:
        return self._wanted

    def publish(self, org_id: OrgId, frame: bytes) -> bool:
        if not self._thread.is_alive():
            return False
        self._loop.call_soon_threadsafe(self._send, org_id, frame)
        return True

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            log.warning("live_publisher_failed", detail=str(error))
        finally:
            self._is_ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_unix_server(self._hear, sock=_listening(self._path))
        self._is_ready.set()
        try:
            await self._stopping.wait()
        finally:
            # Nobody new comes; until nobody is heard any more. A server that is closed first drops
            # whoever is just being let in, unclosed.
            self._path.unlink(missing_ok=True)
            while len(asyncio.all_tasks()) > 1:
                for writer in self._listeners:
                    writer.transport.abort()
                await asyncio.sleep(0)
            server.close()
            await asyncio.sleep(0)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._listeners[writer] = frozenset()
        try:
            while (said := await _read(reader)) is not None:
                self._listeners[writer] = _organisations_of(said)
                self._wanted = frozenset().union(*self._listeners.values())
        finally:
            del self._listeners[writer]
            self._wanted = frozenset().union(*self._listeners.values())
            writer.close()

    def _send(self, org_id: OrgId, frame: bytes) -> None:
        whole = _LENGTH.pack(len(frame)) + frame
        for writer, organisations in self._listeners.items():
            if org_id not in organisations or writer.is_closing():
                continue
            # Who missed it sees so in the next frame that there is room for.
            if writer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
                writer.write(whole)


class SocketSource:
    """A `Source` of all publishers whose sockets are in the directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._wanted: frozenset[OrgId] = frozenset()
        self._take: Callable[[bytes], None] = _nobody
        self._readers: dict[Path, asyncio.Task[None]] = {}
        self._writers: dict[Path, asyncio.StreamWriter] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._looking = asyncio.create_task(self._look())

    def want(self, organisations: frozenset[OrgId]) -> None:
        self._wanted = organisations
        for writer in self._writers.values():
            self._say(writer)

    async def stop(self) -> None:
        tasks = [*self._readers.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._readers.clear()
        self._looking = None

    async def _look(self) -> None:
        """Connects to publishers that came, again and again."""
        while True:
            # Out of open files, say: the next look is near.
            with suppress(OSError):
                for path in self._directory.glob("*.sock"):
                    if path not in self._readers:
                        self._readers[path] = asyncio.create_task(self._read_from(path))
            self._readers = {path: task for path, task in self._readers.items() if not task.done()}
            await asyncio.sleep(SCAN_SECONDS)

    async def _read_from(self, path: Path) -> None:
        try:
            with _Address(path) as address:
                reader, writer = await asyncio.open_unix_connection(address)
        except ConnectionRefusedError:
            _forget(path)
            return
        except OSError:
            return
        self._writers[path] = writer
        try:
            self._say(writer)
            while (frame := await _read(reader)) is not None:
                self._take(frame)
        finally:
            del self._writers[path]
            writer.close()

    def _say(self, writer: asyncio.StreamWriter) -> None:
        said = b"".join(org_id.bytes for org_id in self._wanted)
        writer.write(_LENGTH.pack(len(said)) + said)


class _Address:
    """The path of a socket as the kernel takes it, which is at most a hundred bytes: of a longer
    one by way of its open directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _ADDRESS_BYTES:
            return str(self._path)
        self._directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._directory}/{self._path.name}"

    def __exit__(self, *_error: object) -> None:
        if self._directory is not None:
            os.close(self._directory)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """A frame; `None` at the end, however it came."""
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return await reader.readexactly(size) if size <= MAX_FRAME_BYTES else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _organisations_of(said: bytes) -> frozenset[OrgId]:
    whole = len(said) - len(said) % _ID_BYTES
    return frozenset(
        OrgId(UUID(bytes=said[start : start + _ID_BYTES])) for start in range(0, whole, _ID_BYTES)
    )


def _is_heard(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as knocking, _Address(path) as address:
        # A publisher that stands still has no room for us, but is there.
        knocking.settimeout(0)
        try:
            knocking.connect(address)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def _listening(path: Path) -> socket.socket:
    """A socket that is there once it listens, not a moment earlier."""
    new = path.with_suffix(_NEW)
    listening = socket.socket(socket.AF_UNIX)
    try:
        with _Address(new) as address:
            listening.bind(address)
        listening.listen()
        new.rename(path)
    except OSError:
        listening.close()
        raise
    return listening


def _is_old(path: Path) -> bool:
    """Whether its publisher was killed before it listened."""
    with suppress(FileNotFoundError):
        return SYSTEM_CLOCK.now_ns() - path.lstat().st_mtime_ns > _NEW_NS
    return False


def _forget(path: Path) -> None:
    # Its publisher was killed: nobody will ever listen there again.
    path.unlink(missing_ok=True)


def _nobody(_frame: bytes) -> None:
    """Takes what came before anybody wanted it."""
