"""The made-up shop: the same for the same seed, and its truth is what its lines say."""

import json
from collections import Counter

from app.cli.demo import catalogue
from app.cli.demo.generator import Feed, line_of, lines, record_at, trace_id_of
from app.cli.demo.truth import truth_of

FEED = Feed(seed=7, start_ns=1_790_000_000_000_000_000, step_ns=43_000_000)


def test_a_slice_is_the_same_whoever_makes_it() -> None:
    whole = list(lines(FEED, 0, 500))
    assert whole[100:200] == list(lines(FEED, 100, 100))
    assert whole != list(lines(Feed(8, FEED.start_ns, FEED.step_ns), 0, 500))


def test_every_line_is_json_and_says_what_the_record_says() -> None:
    for index in range(2_000):
        record = record_at(FEED, index)
        sent = json.loads(line_of(record))
        assert sent["message"] == record.message
        assert (sent["level"], sent["service"], sent["status"]) == (
            record.level,
            record.service,
            record.status,
        )
        assert sent["latency_ms"] == record.latency_ms
        assert sent["user"]["id"] == record.user_id


def test_lines_are_as_long_as_those_of_real_services() -> None:
    sizes = [len(line) for line in lines(FEED, 0, 5_000)]
    assert 470 <= sum(sizes) / len(sizes) <= 510


def test_the_traffic_is_that_of_a_shop() -> None:
    records = [record_at(FEED, index) for index in range(40_000)]
    assert {record.service for record in records} == {one.name for one in catalogue.SERVICES}
    assert {record.level for record in records} == set(catalogue.LEVEL_WEIGHTS)
    assert len({record.user_id for record in records}) > 30_000
    assert sum("\n" in record.message for record in records) > 50
    assert sum(catalogue.PHRASE in record.message for record in records) > 300
    assert sum(catalogue.RARE_WORD in record.message for record in records) == 2


def test_neighbours_share_a_trace_and_strangers_do_not() -> None:
    traces = Counter(record_at(FEED, index).trace_id for index in range(1_000))
    assert set(traces.values()) == {catalogue.TRACE_RECORDS}
    assert traces[trace_id_of(FEED.seed, 501)] == catalogue.TRACE_RECORDS


def test_the_truth_counts_every_record_once() -> None:
    truth = truth_of(FEED, 3_000, {"slow": lambda record: record.latency_ms >= 300})
    assert truth.records == 3_000
    assert sum(truth.by_service_level.values()) == 3_000
    assert sum(truth.by_hour_level.values()) == 3_000
    assert sum(truth.by_path.values()) == 3_000
    slow = sum(record_at(FEED, index).latency_ms >= 300 for index in range(3_000))
    assert 0 < truth.matches["slow"] == slow


def test_percentiles_and_top_paths_are_those_of_a_sorted_list() -> None:
    truth = truth_of(FEED, 3_000, {})
    values = truth.latencies["gateway"]
    low, high = truth.percentile("gateway", 95)
    assert sum(value <= high for value in values) >= 0.95 * len(values)
    assert sum(value < low for value in values) < 0.95 * len(values)
    assert sum(low < value < high for value in values) == 0
    top = truth.top_paths(3)
    assert [count for _, count in top] == sorted(truth.by_path.values(), reverse=True)[:3]
