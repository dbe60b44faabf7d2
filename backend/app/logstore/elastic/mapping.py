"""Settings and mapping of every partition's index, and of the index with positions."""

from __future__ import annotations

from typing import Any

from app.logstore.elastic.names import KEYWORDS

POOLED_FIELDS = 200
OWN_FIELDS = 1_000
# All organisations of a pool together: a mapping is part of the cluster's state, on every node.
PARTITION_FIELDS = 10_000

_KEYWORD = {"type": "keyword"}
_TERMS_ONLY = {"type": "keyword", "doc_values": False}

# By what follows `attr.` in a field's name.
ATTRIBUTE_TYPES: dict[str, dict[str, Any]] = {
    "s": {"type": "keyword"},
    "n": {"type": "double"},
    "b": {"type": "boolean"},
}

# What `_source` does not keep: all of it follows from the rest of the record.
NOT_IN_SOURCE = ("attr", "rest", "extra", "search_text", "ms", "mark")

ANALYSIS = {
    # Our own rule cuts tokens at 255 code points, which may be twice as many UTF-16 units.
    "tokenizer": {
        "words": {
            "type": "char_group",
            "tokenize_on_chars": ["whitespace", "punctuation", "symbol"],
            "max_token_length": 1_024,
        }
    },
    "analyzer": {"words": {"type": "custom", "tokenizer": "words", "filter": ["lowercase"]}},
}

SETTINGS: dict[str, Any] = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    # Written out: a default would let an index that nobody searches go stale.
    "refresh_interval": "1s",
    # `query.complexity` bounds patterns; escaped and with a path in front they are longer.
    "max_regex_length": 200_000,
    "mapping.total_fields.limit": 4 * PARTITION_FIELDS,
    "analysis": ANALYSIS,
}

# `message`, `attributes`, `digest` and `cut` are in `_source` alone.
PROPERTIES: dict[str, Any] = {
    "org": _TERMS_ONLY,
    "ts": {"type": "long"},
    "ms": {"type": "date", "format": "epoch_millis", "index": False},
    "observed": {"type": "long"},
    "id": _KEYWORD,
    **dict.fromkeys(KEYWORDS, _KEYWORD),
    "level_number": {"type": "long"},
    "search_text": {"type": "text", "analyzer": "words", "norms": False},
    "rest": _TERMS_ONLY,
    # path␀kind of every value that no field holds, so that such fields can be listed.
    "extra": _KEYWORD,
    # Carried by copies while their originals are being moved: which move it is (`moving`).
    "mark": _TERMS_ONLY,
    # The catalogue: documents that say which organisation has which field in this partition.
    "owner": _TERMS_ONLY,
}

MAPPINGS: dict[str, Any] = {
    "subobjects": False,
    "dynamic": False,
    "_source": {"excludes": list(NOT_IN_SOURCE)},
    "properties": PROPERTIES,
}

# The name that follows the prefix: of no retention class, so that no search meets it.
POSITIONS = "positions"
POSITIONS_INDEX: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
    "mappings": {"dynamic": False, "properties": {}},
}


def template(prefix: str) -> dict[str, Any]:
    """The template behind every partition: none is made by its first record, which would leave it
    without the fields that its shipper has decided on."""
    return {
        "index_patterns": [f"{prefix}-*d-*"],
        "priority": 500,
        "allow_auto_create": False,
        "template": {"settings": SETTINGS, "mappings": MAPPINGS},
    }


def attribute_mappings(names: list[str]) -> dict[str, Any]:
    """The addition to the mappings for attribute fields (`names.field_names`)."""
    # Said again: without it `a` and `a.b` could not both be fields.
    types = {name: ATTRIBUTE_TYPES[name[len("attr.")]] for name in names}
    return {"subobjects": False, "properties": types}
