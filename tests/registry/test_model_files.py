"""A registered version is found by alias and number, and gives the files that were registered."""

import pytest

from textmill.errors import UserError
from textmill.modeling import bases
from textmill.tracking.models import download


@pytest.mark.parametrize("place", ["@champion", "/1"])
def test_a_base_can_be_a_registered_version(registered, tmp_path, place):
    bases.from_directory(download(registered.root, f"models:/film-sentiment{place}"), tmp_path / "base")
    original = registered.root / "models/tasks/sentiment"
    for path in original.iterdir():
        assert (tmp_path / "base" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("models:/film-sentiment@nobody", "models:/film-sentiment@nobody: not in the registry"),
        ("models:/unknown/3", "not in the registry"),
        ("film-sentiment", "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
    ],
)
def test_versions_that_are_not_there_are_named(registered, uri, message):
    with pytest.raises(UserError, match=message):
        download(registered.root, uri)
