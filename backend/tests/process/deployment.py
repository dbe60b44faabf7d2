"""A whole deployment: every process of ours, in front of an Elasticsearch, MongoDB and Redis of its own."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.elasticsearch_server import ElasticsearchServer
from tests.mongodb_server import MongoServer
from tests.process.programs import (
    GUNICORN,
    Program,
    WebProgram,
    environment_of,
    manage,
    wait_until,
)
from tests.process.senders import marks
from tests.process.service import Tenant, join, report
from tests.redis_server import RedisServer

SETTLE_SECONDS = 300.0


class Services:
    """An Elasticsearch, a MongoDB and a Redis that a test may kill."""

    def __init__(self) -> None:
        self.elastic = ElasticsearchServer()
        self.mongo = MongoServer("--replSet", "rs0")
        self.redis = RedisServer()

    def start(self) -> None:
        self.mongo.start()
        self.mongo.make_replica_set()
        self.redis.start()
        self.elastic.start()

    def remove(self) -> None:
        self.elastic.close()
        self.mongo.remove()
        self.redis.remove()


class Deployment:
    """API, intake, shipper, worker and beat, apart from all others before the same services.

    `tenant` sends to the intake, `person` asks the API.
    """

    tenant: Tenant
    person: Tenant

    def __init__(self, services: Services, data_dir: Path, **more: str) -> None:
        name = f"d{os.urandom(4).hex()}"
        self.services = services
        self.environment = environment_of(
            data_dir,
            ELASTICSEARCH_HOSTS=services.elastic.url,
            ELASTICSEARCH_INDEX_PREFIX=name,
            MONGO_HOST="127.0.0.1",
            MONGO_PORT=str(services.mongo.port),
            MONGO_DB_NAME=name,
            REDIS_HOST="127.0.0.1",
            REDIS_PORT=str(services.redis.port),
            REDIS_KEY_PREFIX=name,
            SHUTDOWN_DELAY_SECONDS="0",
            WEB_CONCURRENCY="2",
            **more,
        )
        self.api = WebProgram(GUNICORN, {**self.environment, "WEB_PARTS": "api"})
        self.ingest = WebProgram(("manage.py", "ingest"), self.environment)
        self.shipper = self._program("shipper")
        self.worker = self._program("worker", "--processes", "1")
        self.beat = self._program("beat")

    def start(self, *, status: str = "healthy") -> None:
        """Waits until everything is as well as that, and somebody has a key."""
        manage(self.environment, "migrate", "--verbosity", "0")
        for program in self.programs:
            program.start()
        self.api.wait_until_answering()
        self.ingest.wait_until_answering()
        self.person = join(self.api.url, "Acme")
        self.tenant = Tenant(self.ingest.url, self.person.key, "")
        self.tenant.send([b'{"message":"the first one"}'])
        self.wait_until_healthy(status=status)

    def restart(self, program: Program) -> None:
        """`kill -9` of it and its children, and a new start, as an orchestrator does."""
        program.kill()
        program.start()

    @property
    def programs(self) -> tuple[Program, ...]:
        return (self.api, self.ingest, self.shipper, self.worker, self.beat)

    def health(self, web: WebProgram) -> dict[str, Any]:
        """What a web process says of all parts."""
        body: dict[str, Any] = httpx.get(f"{web.url}/health/", timeout=60).json()
        return body

    def wait_until_healthy(
        self, seconds: float = SETTLE_SECONDS, *, status: str = "healthy"
    ) -> float:
        """How long until every part is up in the eyes of both web processes; `degraded`: none that
        is essential is down in the eyes of the intake."""
        if status == "degraded":
            return wait_until(lambda: self.health(self.ingest)["status"] == status, seconds)
        return wait_until(
            lambda: all(self.health(web)["status"] == "healthy" for web in (self.api, self.ingest)),
            seconds,
            lambda: f"{self.health(self.api)}\n{self.health(self.ingest)}",
        )

    def marks(self) -> Counter[str]:
        """How often each mark is found."""
        return marks(self.person)

    def pids(self) -> set[int]:
        """Of all processes, children included: who is restarted has another."""
        found = set()
        for program in self.programs:
            process = psutil.Process(program.pid)
            found |= {process.pid, *(child.pid for child in process.children(recursive=True))}
        return found

    def close(self) -> None:
        for program in self.programs:
            program.close()
            report(f"--- {' '.join(program.arguments[-3:])}\n{program.told[-2500:]}")

    def wait_until_found(self) -> None:
        """Everything that was taken before can be found."""
        self.tenant.wait_until_indexed(SETTLE_SECONDS)

    def _program(self, *arguments: str) -> Program:
        return Program(("manage.py", *arguments), self.environment)
