"""`make profile`: what the stages between journal and store cost, in one process, and where.

The bench says how much a process used; this says for what. Without a journal, and one stage after
the other, so that none waits for another. `--store elastic`: with the server at ELASTICSEARCH_HOSTS.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import io
import os
import pstats
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from app.logstore.elastic.hosts import Hosts, hosts_of
from tests.benchmarks.raw_elastic import RawElastic
from tests.benchmarks.shipping import Shipping

RECORDS = 50_000
BATCH = 1_000
# As in `manage.py shipper`, which cannot be imported without a configuration.
GC_THRESHOLDS = (500_000, 20, 50)
LINES = 25


def main() -> int:
    """Prints microseconds of processor time a record for each stage, then the costliest functions."""
    parser = argparse.ArgumentParser("make profile", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument(
        "--store", choices=("embedded", "elastic"), default=os.environ.get("LOG_STORE", "embedded")
    )
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with _places(options.store) as (plain, profiled):
        shipping = Shipping(options.store, plain, options.records, BATCH)
        used = shipping.run()
        shipping.close()
        for name, seconds in (*used.items(), ("all", sum(used.values()))):
            _say(f"{name:<10} {seconds * 1e6 / options.records:8.2f} µs a record")
        shipping = Shipping(options.store, profiled, options.records, BATCH)
        profile = cProfile.Profile()
        profile.runcall(shipping.run)
        shipping.close()
    told = io.StringIO()
    pstats.Stats(profile, stream=told).sort_stats("tottime").print_stats(LINES)
    _say(told.getvalue())
    return 0


@contextmanager
def _places(store: str) -> Iterator[Sequence[Path | Hosts]]:
    """Two empty places for logs, removed afterwards."""
    names = ("plain", "profiled")
    if store == "embedded":
        with tempfile.TemporaryDirectory(prefix="elk-vision-profile-") as folder:
            yield [Path(folder) / name for name in names]
        return
    url = os.environ["ELASTICSEARCH_HOSTS"]
    prefix = f"profile{token_hex(4)}"
    raw = RawElastic(url, prefix)
    try:
        yield [hosts_of(f"{url}#{prefix}{name}") for name in names]
    finally:
        raw.delete(f"{prefix}*")
        for name in names:
            raw.call("DELETE", f"/_index_template/{prefix}{name}")
        raw.close()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
