"""Every feature is shown by a test, and the page of the features names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.features_page import TESTS, feature_names, features_page, marked_tests, problems


def test_every_feature_has_a_test_and_every_marker_names_a_feature() -> None:
    assert problems() == []


def test_names_are_unique() -> None:
    names = feature_names()
    assert len(names) > 100 and len(set(names)) == len(names)


def test_the_markers_that_pytest_sees_are_those_of_the_page(request: pytest.FixtureRequest) -> None:
    """The page is generated without importing the tests; the tests of this run must have the same markers."""
    marked = {((TESTS / test.path).resolve(), test.function): test.features for test in marked_tests()}
    for item in request.session.items:
        names = tuple(name for marker in item.iter_markers("feature") for name in marker.args)
        function = getattr(item, "originalname", item.name)
        assert marked.get((item.path.resolve(), function), ()) == names, item.nodeid


def test_features_without_tests_and_unknown_names_are_reported(tmp_path: Path) -> None:
    source = 'import pytest\n\n\n@pytest.mark.feature("init-path", "nosuch")\ndef test_it() -> None:\n    pass\n'
    (tmp_path / "test_some.py").write_text(source, encoding="utf-8")
    found = problems(tmp_path)
    assert len(found) == len(feature_names()) and "test_some.py::test_it names an unknown feature: nosuch" in found
    assert not any("the feature init-path has" in text for text in found)
    assert any("the feature init-url has no test" in text for text in found)


def test_the_page_names_each_feature_with_its_tests() -> None:
    rows = [line for line in features_page().splitlines() if line.startswith("| ")]
    assert all(any(row.startswith(f"| {name} |") and "`tests/" in row for row in rows) for name in feature_names())
