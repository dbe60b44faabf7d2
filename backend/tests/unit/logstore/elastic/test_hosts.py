"""The text that says where Elasticsearch is."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import Broken
from app.logstore.elastic.hosts import hosts_of


def test_a_path_of_hosts_is_read_like_their_text() -> None:
    text = "http://one:9201,https://two"
    assert hosts_of(Path(text)) == hosts_of(text)
    assert hosts_of(text).urls == ("http://one:9201", "https://two:9200")
    assert hosts_of(text).prefix == "elkv"


def test_credentials_options_and_prefix_are_taken_apart() -> None:
    hosts = hosts_of("https://us%40er:p%3Ass@[::1]:9200?ca_certs=/etc/ca.pem&gzip=true#logs_2")
    assert hosts.user == ("us@er", "p:ss")
    assert hosts.urls == ("https://[::1]:9200",)
    assert hosts.options == {"ca_certs": "/etc/ca.pem", "gzip": "true"}
    assert hosts.prefix == "logs_2"


@pytest.mark.parametrize(
    ("text", "is_gzip"),
    [
        ("http://127.0.0.1:9200", False),
        ("http://localhost:9200,http://[::1]:9200", False),
        ("http://127.0.0.1:9200?gzip=true", True),
        ("http://elastic:9200", True),
        ("http://127.0.0.1:9200,http://10.0.0.7:9200", True),
        ("http://elastic:9200?gzip=false", False),
    ],
)
def test_only_what_leaves_the_machine_is_compressed(text: str, *, is_gzip: bool) -> None:
    assert hosts_of(text).is_gzip is is_gzip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "elastic:9200",
        "ftp://elastic",
        "http://",
        "http://a?x=1",
        "http://a#Upper",
        "http://a#*",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Broken):
        hosts_of(text)
