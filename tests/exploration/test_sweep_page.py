"""The page of a sweep: tables with heads, every text as text, and in a browser: heads that stay, keys, copying."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from tests.browser import dom, needs_browser, screenshot
from tests.session_harness import SessionHarness

LINE = "!sweep a {red|blue} boat -s 2,3,4,5 -C 1..9 -S 1 -W 256 -H 256"


def page_of(harness: SessionHarness, line: str) -> Path:
    """Run a sweep; return the path of its page."""
    assert harness.run(line) is Outcome.OK, harness.errors
    return sorted((harness.folder / "outputs").glob("*.sweep.html"))[-1]


def heads(page: str, scope: str) -> list[str]:
    """Return the heads of the rows or the columns of all tables."""
    return [html.unescape(text) for text in re.findall(f'<th scope="{scope}">(.*?)</th>', page)]


@pytest.mark.feature("sweep-page")
def test_two_axes_are_rows_and_columns_and_the_others_tables(fake_session: SessionHarness) -> None:
    page = page_of(fake_session, "!sweep a {red|blue} boat -s 2,3 -C 4,5,6").read_text(encoding="utf-8")
    assert re.findall("<h2>(.*?)</h2>", page) == ["red", "blue"]
    assert heads(page, "col") == ["-C 4", "-C 5", "-C 6"] * 2 and heads(page, "row") == ["-s 2", "-s 3"] * 2
    lines = [html.unescape(line) for line in re.findall("<code>(.*?)</code>", page)]
    assert lines == [saved.line for saved in fake_session.saved]


def test_a_single_axis_has_heads_where_it_fits_one_row(fake_session: SessionHarness) -> None:
    page = page_of(fake_session, "!sweep a boat -s 2,3 -S 1").read_text(encoding="utf-8")
    assert heads(page, "col") == ["-s 2", "-s 3"] and heads(page, "row") == []
    page = page_of(fake_session, "!sweep a boat -s 2..14 -S 1").read_text(encoding="utf-8")
    assert heads(page, "col") == [] and "<span>-s 14</span>" in page


def test_no_text_of_a_line_is_markup(fake_session: SessionHarness) -> None:
    hostile = "</title><script>alert(1)</script> [[script]] &amp; 'x'"
    page = page_of(fake_session, f'!sweep "{hostile}" -s 2,3 -S 1').read_text(encoding="utf-8")
    assert "<script>alert" not in page and page.count("<script>") == 1 and page.count("</script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt; [[script]] &amp;amp; &#x27;x&#x27;" in page


def test_names_of_files_are_addresses(fake_session: SessionHarness) -> None:
    outdir = "50% off #1? \u00e9"
    assert (
        fake_session.run(f'!sweep a boat -s 2,3 -S 1 -o "{outdir}" --fnformat "{{prefix}}.#{{prompt}}.png"')
        is Outcome.OK
    )
    (page,) = (fake_session.folder / outdir).glob("*.sweep.html")
    assert re.findall('<img src="(.*?)"', page.read_text(encoding="utf-8"))[0] == "000001.%23a%20boat.png"


def test_a_page_loads_nothing_from_elsewhere(fake_session: SessionHarness) -> None:
    page = page_of(fake_session, "!sweep a boat -s 2,3 -S 1").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|\bfetch\(|XMLHttpRequest", page)
    assert "default-src 'none'" in page


@pytest.mark.slow
@needs_browser
def test_keys_move_and_copy_and_heads_stay(fake_session: SessionHarness) -> None:
    page = page_of(fake_session, LINE)
    shown = dom(
        page,
        """
        const at = () => document.activeElement.querySelector("code").textContent;
        key("ArrowDown"); key("ArrowDown"); key("ArrowRight"); probe("moved", at());
        key("c"); probe("copied", copied[0]);
        document.querySelector("td button").click(); probe("clicked", copied[1]);
        key("End"); probe("last", at());
        for (const count of Array(20)) key("ArrowRight");
        const table = document.activeElement.closest(".table").getBoundingClientRect();
        const head = document.activeElement.closest("table").querySelector("thead th:nth-child(2)");
        const cell = document.activeElement.getBoundingClientRect();
        const side = document.activeElement.parentElement.querySelector("th").getBoundingClientRect();
        probe("column", head.getBoundingClientRect().top - table.top);
        probe("row", side.left - table.left);
        probe("inside", cell.right <= table.right + 1 && cell.bottom <= table.bottom + 1);
        probe("images", [...document.images].filter((image) => image.complete && !image.naturalWidth).length);
        """,
    )
    lines = [saved.line for saved in fake_session.saved]
    found = dict(re.findall(r'data-(\w+)="(.*?)"', re.findall("<html(.*?)>", shown)[0]))
    assert "error" not in found, found
    assert html.unescape(found["moved"]) == html.unescape(found["copied"]) == lines[10]
    assert html.unescape(found["clicked"]) == lines[0] and html.unescape(found["last"]) == lines[-1]
    assert 0 <= float(found["column"]) <= 2 and 0 <= float(found["row"]) <= 2, "heads stay when the table scrolls"
    assert found["inside"] == "true" and found["images"] == "0"


@pytest.mark.slow
@needs_browser
def test_a_browser_shows_the_images_in_place(fake_session: SessionHarness, tmp_path: Path) -> None:
    page = page_of(fake_session, "!sweep a boat -s 2,3 -C 4,5 -S 1 -W 256 -H 256")
    screenshot(page, tmp_path / "shown.png", 1000, 900)
    with Image.open(tmp_path / "shown.png") as image:
        seen = np.asarray(image.convert("RGB"))
    for saved in fake_session.saved:
        with Image.open(saved.path) as image:
            colour = np.asarray(image.convert("RGB"))[128, 128]
        assert (np.abs(seen.astype(int) - colour).max(axis=-1) <= 3).sum() > 20_000, saved.line
