"""The config database: sign-ins, lists and claims of rules a second, on SQLite and on MongoDB in turns."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from pymongo import MongoClient

from tests.benchmarks.claims import claim_rates
from tests.benchmarks.marks import Report
from tests.process.service import PASSWORD, Service, Tenant

SECONDS = 3.0
THREADS = 4
TURNS = 3
_KEYS = 20


@dataclass(frozen=True, slots=True)
class Rates:
    """Each a second, of one service with THREADS callers; claims of one caller."""

    sign_ins: float
    lists: float
    claims_one_by_one: float
    claims_in_chunks: float


def add_config_rates(report: Report) -> None:
    """Measures both databases in turns; MongoDB is the one at MONGO_HOST."""
    name = f"bench_{token_hex(4)}"
    mongo = {
        "MONGO_HOST": os.environ["MONGO_HOST"],
        "MONGO_PORT": os.environ.get("MONGO_PORT", "27017"),
        "MONGO_DB_NAME": name,
    }
    sqlite = {"MONGO_HOST": ""}
    found: dict[str, list[Rates]] = {"SQLite": [], "MongoDB": []}
    try:
        for _ in range(TURNS):
            found["SQLite"].append(_rates(sqlite))
            found["MongoDB"].append(_rates(mongo))
            _drop(mongo)
    finally:
        _drop(mongo)
    for what, words in (
        ("sign_ins", "sign-ins"),
        ("lists", "lists of 20 keys"),
        ("claims_one_by_one", "claims of rules, one by one"),
        ("claims_in_chunks", "claims of rules, in chunks"),
    ):
        values = {
            database: [getattr(one, what) for one in rates] for database, rates in found.items()
        }
        for database, all_of_it in values.items():
            note = ", ".join(f"{one:,.0f}" for one in all_of_it)
            report.add(f"{words}, {database}", statistics.median(all_of_it), "a second", note)
        ratios = [m / s for s, m in zip(values["SQLite"], values["MongoDB"], strict=True)]
        report.add(f"{words}, MongoDB to SQLite", statistics.median(ratios), "")


def _rates(database: Mapping[str, str]) -> Rates:
    with tempfile.TemporaryDirectory(prefix="elk-vision-rates-") as folder:
        service = Service(Path(folder) / "data", LOG_STORE="embedded", **database)
        try:
            service.start()
            tenant = service.join("Rates")
            sign_ins = _per_second(service.url, lambda asker: asker.sign_in("rates"))
            _make_keys(service, tenant)
            lists = _per_second(service.url, lambda asker: asker.list_keys(tenant.access))
            service.stop()
        finally:
            service.close()
    claims = claim_rates(database)
    return Rates(sign_ins, lists, claims.one_by_one, claims.in_chunks)


def _make_keys(service: Service, tenant: Tenant) -> None:
    asker = _Asker(service.url)
    for number in range(_KEYS - 1):
        asker.ask(
            "POST",
            "/api/v1/api-keys/",
            {"name": f"key{number}", "scopes": ["search"]},
            tenant.access,
        )
    asker.close()


class _Asker:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=60
        )

    def sign_in(self, name: str) -> None:
        self.ask("POST", "/api/auth/login/", {"username": name, "password": PASSWORD})

    def list_keys(self, access: str) -> None:
        self.ask("GET", f"/api/v1/api-keys/?page_size={_KEYS}", None, access)

    def ask(self, method: str, path: str, body: object, access: str = "") -> None:
        headers = {"Content-Type": "application/json"}
        if access:
            headers["Authorization"] = f"Bearer {access}"
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        told = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{path}: {answer.status} {told[:300]!r}")

    def close(self) -> None:
        self._connection.close()


def _per_second(url: str, ask: Callable[[_Asker], None]) -> float:
    """How often THREADS callers are answered."""
    counts = [0] * THREADS
    trouble: list[Exception] = []
    until = time.monotonic() + SECONDS

    def call(number: int) -> None:
        asker = _Asker(url)
        try:
            while time.monotonic() < until:
                ask(asker)
                counts[number] += 1
        except (OSError, RuntimeError) as error:
            trouble.append(error)
        finally:
            asker.close()

    began = time.monotonic()
    threads = [threading.Thread(target=call, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if trouble:
        raise trouble[0]
    return sum(counts) / (time.monotonic() - began)


def _drop(mongo: Mapping[str, str]) -> None:
    client: MongoClient[dict[str, object]] = MongoClient(
        mongo["MONGO_HOST"], int(mongo["MONGO_PORT"])
    )
    client.drop_database(mongo["MONGO_DB_NAME"])
    client.close()
