"""`!gallery`: a page of the history that works from disk, with few elements however many images there are."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.output.entries import Entry, Parent
from tests.browser import dom, needs_browser, screenshot
from tests.sample_images import drawing
from tests.session_harness import SessionHarness


def gallery(harness: SessionHarness, words: str = "") -> Path:
    """Write a gallery; return the path of its page."""
    assert harness.run(f"!gallery {words}") is Outcome.OK, harness.errors
    return harness.folder / harness.messages.split(": ")[0]


def images(page: Path) -> list[dict[str, Any]]:
    """Return the images in the data of a page."""
    data = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert data is not None
    found = json.loads(data[1])["images"]
    assert isinstance(found, list)
    return found


@pytest.fixture
def history(fake_session: SessionHarness) -> SessionHarness:
    """A session with four images, of which the third was generated from the first."""
    drawing().save("sketch.png")
    fake_session.draw("a red boat -s2 -S1 -n2 -W 512 -H 256")
    fake_session.draw("a blue cat -s3 -S1 -I !1 -f .5")
    fake_session.draw("a boat -s3 -S7 -I sketch.png -f .5")
    fake_session.run("!tag 1 good", "!rate 1 4")
    return fake_session


@pytest.mark.feature("gallery")
def test_a_gallery_shows_all_images_with_what_is_known_of_them(history: SessionHarness) -> None:
    page = gallery(history)
    assert page.name == "gallery.html"
    newest, third, second, first = images(page)
    assert [each["number"] for each in (newest, third, second, first)] == [4, 3, 2, 1]
    assert (first["rating"], first["tags"], second["rating"], second["tags"]) == (4, ["good"], None, [])
    assert first["children"] == [3] and third["parents"] == [[Path(first["file"]).name, 1]]
    assert newest["parents"] == [["sketch.png", None]] and first["line"].startswith("a red boat -s 2 -S 1")
    for each in (newest, first):
        assert (page.parent / each["file"]).is_file()
        with Image.open(page.parent / each["thumbnail"]) as image:
            assert max(image.size) <= 256 and (image.width == 2 * image.height) == (each is first)


def test_a_search_has_a_page_of_its_own(history: SessionHarness) -> None:
    assert [each["number"] for each in images(gallery(history, "boat"))] == [4, 2, 1]
    assert [each["number"] for each in images(gallery(history, "boat steps<3"))] == [2, 1]
    assert [each["number"] for each in images(gallery(history, "boat steps>2"))] == [4]
    assert [each["number"] for each in images(gallery(history, "--tag good"))] == [1]
    names = {path.name for path in (history.folder / "outputs").glob("gallery*.html")}
    assert "gallery-boat.html" in names and len(names) == 4, "searches do not replace each other"
    assert history.run("!gallery nothing") is Outcome.FAILED and history.errors == ["no images match"]
    assert history.run("!gallery nosuch>3") is Outcome.FAILED and "nosuch" in history.errors[0]


def test_thumbnails_are_made_once(history: SessionHarness) -> None:
    gallery(history)
    store = history.folder / "outputs" / "gallery-thumbnails"
    before = {path: path.stat().st_mtime_ns for path in store.iterdir()}
    history.draw("a hill -s2 -S3")
    gallery(history)
    after = {path: path.stat().st_mtime_ns for path in store.iterdir()}
    assert len(after) == 5 and all(after[path] == time for path, time in before.items())


def test_damaged_and_missing_files_have_no_thumbnail(history: SessionHarness) -> None:
    third, second, first = (history.folder / "outputs" / each["file"] for each in images(gallery(history))[1:])
    for path in (history.folder / "outputs" / "gallery-thumbnails").iterdir():
        path.unlink()
    first.unlink()
    second.write_bytes(second.read_bytes()[:60])
    third.write_bytes(b"")
    found = images(gallery(history))
    assert [each["thumbnail"] is None for each in found] == [False, True, True, True]


def test_galleries_are_no_images_of_the_history(history: SessionHarness) -> None:
    gallery(history)
    history.run("!reindex")
    assert "4 images" in history.messages
    history.run("!rm 1")
    assert [each["number"] for each in images(gallery(history))] == [4, 3, 2]


def test_a_private_session_writes_no_gallery(history: SessionHarness) -> None:
    assert history.run("!set --private", "!gallery") is Outcome.FAILED and "private" in history.errors[0]
    assert not list((history.folder / "outputs").glob("gallery*"))


HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=document.title='broken'> [[body]]"


def test_no_text_of_a_line_is_markup(history: SessionHarness) -> None:
    history.draw(f'"{HOSTILE}" -s2 -S1')
    page = gallery(history)
    assert "<script>document" not in page.read_text(encoding="utf-8") and "<img src=x" not in page.read_text("utf-8")
    assert HOSTILE in images(page)[0]["line"]
    assert not re.search(r"https?:|//[a-z]|@import|\bfetch\(|XMLHttpRequest", page.read_text(encoding="utf-8"))


# -- in a browser ------------------------------------------------------------------------------------------------------


def reported(page: Path, script: str) -> dict[str, str]:
    """Run a script in a page; return what it reports."""
    root = re.findall("<html(.*?)>", dom(page, script), flags=re.DOTALL)[0]
    return {name: html.unescape(value) for name, value in re.findall(r'data-([\w-]+)="(.*?)"', root, flags=re.DOTALL)}


@pytest.mark.slow
@needs_browser
def test_a_browser_filters_copies_and_follows_relatives(history: SessionHarness) -> None:
    history.draw(f'"{HOSTILE}" -s2 -S1')
    found = reported(
        gallery(history),
        """
        const number = () => detail.querySelector("p").textContent.split("]")[0].slice(1);
        probe("title", document.title); probe("images", document.images.length);
        key("/"); probe("typing", document.activeElement === filter);
        filter.value = "BOAT good"; filter.dispatchEvent(new Event("input"));
        probe("count", count.textContent); probe("first", number());
        key("Enter"); key("c"); probe("copied", copied[0]);
        detail.querySelector(".relatives button").click(); probe("child", number()); probe("all", count.textContent);
        detail.querySelector(".relatives button").click(); probe("parent", number());
        filter.value = "no such"; filter.dispatchEvent(new Event("input"));
        key("ArrowDown"); key("ArrowDown"); key("c"); probe("none", sheet.children.length + detail.children.length);
        key("Escape"); key("ArrowRight"); key("ArrowRight"); key("ArrowLeft"); probe("moved", number());
        """,
    )
    assert "error" not in found, found
    assert found["title"] == "!gallery" and found["typing"] == "true" and found["count"] == "1 of 5 images"
    assert found["first"] == found["parent"] == "1" and found["child"] == "3" and found["all"] == "5 images"
    assert found["copied"].startswith("a red boat -s 2 -S 1") and found["none"] == "0" and found["moved"] == "4"


@pytest.mark.slow
@needs_browser
@pytest.mark.feature("gallery")
def test_ten_thousand_images_load_and_scroll_with_few_elements(fake_session: SessionHarness, tmp_path: Path) -> None:
    (path,) = fake_session.draw("a cat -s2 -S1")
    created = "2026-01-31T12:00:00+00:00"
    parents = (Parent(path.name, "ab"),)
    fake_session.session.context.folder().history.add(
        *(
            Entry(number=number, path=path.name, line=f"a cat number {number} -S {number}", seed=number,
                  created=created, parents=parents, sha256="ab" if number == 2 else f"{number:064x}")
            for number in range(2, 10_001)
        )
    )  # fmt: skip
    page = gallery(fake_session)
    assert len(images(page)) == 10_000
    found = reported(
        page,
        """
        const scrolled = () => new Promise((resolve) => { list.addEventListener("scroll", resolve, { once: true }); });
        const nodes = () => document.querySelectorAll("*").length;
        const most = [nodes()];
        for (const share of [0.25, 0.5, 0.9, 1]) {
          list.scrollTop = share * list.scrollHeight; await scrolled(); most.push(nodes());
        }
        const last = document.getElementById("image-1");
        await last.querySelector("img").decode(); probe("last", last.querySelector("img").naturalWidth);
        const box = last.getBoundingClientRect(); const frame = list.getBoundingClientRect();
        probe("visible", box.bottom <= frame.bottom + 1 && box.top >= frame.top - 1);
        filter.value = "9999"; filter.dispatchEvent(new Event("input")); probe("count", count.textContent);
        key("Escape"); key("End"); await scrolled(); most.push(nodes());
        probe("end", detail.querySelector("code").textContent);
        filter.value = "number 2 "; filter.dispatchEvent(new Event("input")); most.push(nodes());
        probe("most", Math.max(...most));
        """,
    )
    assert "error" not in found, found
    assert found["visible"] == "true" and int(found["last"]) > 0 and int(found["most"]) < 600
    assert found["count"] == "1 of 10000 images" and found["end"].startswith("a cat -s 2 -S 1")
    screenshot(page, tmp_path / "shown.png", 1200, 800)
    with Image.open(tmp_path / "shown.png") as image:
        assert len(set(image.convert("RGB").getcolors(2**24) or [])) > 20
