"""Which log store the environment asks for, and where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.logstore.elastic.hosts import Hosts
from config.env import Env, SettingInvalid
from config.log_store import log_store_from_env

DATA = Path("/data")
HOSTS = "https://one:9200,https://two:9200"


def elastic(**values: str) -> Hosts:
    kind, location = log_store_from_env(Env({"ELASTICSEARCH_HOSTS": HOSTS, **values}), DATA)
    assert kind == "elastic"
    assert isinstance(location, Hosts)
    return location


def test_nothing_set_means_files_under_the_data_directory() -> None:
    assert log_store_from_env(Env({}), DATA) == ("embedded", DATA / "logs")
    assert log_store_from_env(Env({"LOGS_DIR": "/logs"}), DATA) == ("embedded", Path("/logs"))


def test_hosts_alone_choose_elasticsearch_and_a_word_chooses_against_it() -> None:
    assert elastic().urls == ("https://one:9200", "https://two:9200")
    assert elastic().prefix == "elkv"
    env = Env({"ELASTICSEARCH_HOSTS": HOSTS, "LOG_STORE": "embedded"})
    assert log_store_from_env(env, DATA) == ("embedded", DATA / "logs")


def test_credentials_authority_and_prefix_come_from_variables_of_their_own(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    hosts = elastic(
        ELASTICSEARCH_USER="elk",
        ELASTICSEARCH_PASSWORD="p:ss@",
        ELASTICSEARCH_CA_CERTS=str(authority),
        ELASTICSEARCH_INDEX_PREFIX="logs",
    )
    assert (hosts.user, hosts.prefix) == (("elk", "p:ss@"), "logs")
    assert hosts.options == {"ca_certs": str(authority)}
    assert elastic(ELASTICSEARCH_API_KEY="key").options == {"api_key": "key"}


def test_secrets_are_not_shown() -> None:
    hosts = elastic(ELASTICSEARCH_USER="elk", ELASTICSEARCH_PASSWORD="hidden")
    assert "hidden" not in repr(hosts)
    assert "hidden" not in repr(elastic(ELASTICSEARCH_API_KEY="hidden"))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"ELASTICSEARCH_HOSTS": "", "LOG_STORE": "elastic"}, "ELASTICSEARCH_HOSTS: not set"),
        ({"ELASTICSEARCH_HOSTS": "one:9200"}, "ELASTICSEARCH_HOSTS: the hosts"),
        ({"ELASTICSEARCH_INDEX_PREFIX": "Upper"}, "ELASTICSEARCH_HOSTS: 'Upper' cannot begin"),
        ({"ELASTICSEARCH_CA_CERTS": "/nowhere"}, "ELASTICSEARCH_CA_CERTS: there is no file"),
        ({"ELASTICSEARCH_USER": "elk", "ELASTICSEARCH_API_KEY": "key"}, "ELASTICSEARCH_USER: not"),
        ({"LOG_STORE": "solr"}, "LOG_STORE: 'solr' is not one of"),
    ],
)
def test_what_cannot_be_used_is_named(values: dict[str, str], named: str) -> None:
    with pytest.raises(SettingInvalid, match=named):
        log_store_from_env(Env({"ELASTICSEARCH_HOSTS": HOSTS, **values}), DATA)
