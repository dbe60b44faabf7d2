"""The API changes only on purpose: its document is a file that has its own command."""

from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate

from tests.ratchets.openapi_document import COMMAND, FILE, current, difference


def test_the_api_is_the_agreed_one() -> None:
    agreed = FILE.read_text(encoding="utf-8")
    changed = difference(agreed, current())
    assert not changed, f"the API changed; if that is meant: {COMMAND}\n{changed}"


def test_the_document_is_valid_openapi() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    assert str(document["openapi"]).startswith("3.1")
    validate(document)


def test_a_change_is_shown_line_by_line() -> None:
    assert difference("a\nb\n", "a\nb\n") == ""
    assert "-b" in difference("a\nb\n", "a\nc\n").splitlines()
