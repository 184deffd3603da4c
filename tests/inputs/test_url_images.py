"""Init images from the web: a local server that does all that real ones do wrong."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import ImageError
from invoke_cli.events import Failed
from invoke_cli.inputs.url import Limits, fetch, url_name
from invoke_cli.language.addresses import public_address
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.session import Session
from tests.fake_engine import FakeEngine
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, image_facts, pixels


def png() -> bytes:
    buffer = io.BytesIO()
    drawing().save(buffer, format="PNG")
    return buffer.getvalue()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    drawing(80, 80).save(buffer, format="JPEG")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    """A handler with a response for each path."""

    requested: list[str] = []  # noqa: RUF012  # emptied by the fixture
    authorized: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.requested.append(self.path)
        path = self.path.partition("?")[0].strip("/")
        self.authorized.append(self.headers.get("Authorization", ""))
        places = {"moved.png": "/a%20cat.png", "file.png": "file:///etc/passwd", "ftp.png": "ftp://x/y.png",
                  "round.png": "/round.png"}  # fmt: skip
        if path in places:
            self.send_response(302)
            self.send_header("Location", places[path])
            self.end_headers()
        elif path in ("q", "a%20cat.png", "page.png", "endless.png", "slow.png", "cut.png", "huge.png"):
            self.send_response(200)
            self._answer(path)
        else:
            self.send_error(404)

    def _answer(self, path: str) -> None:
        data = {"page.png": b"<html>no picture</html>", "q": jpeg()}.get(path) or png()
        sizes = {"huge.png": 10**12, "cut.png": len(data) + 100}
        if path not in ("endless.png", "slow.png"):
            self.send_header("Content-Length", str(sizes.get(path, len(data))))
        self.end_headers()
        try:
            self.wfile.write(data)
            for _ in range(200 if path in ("endless.png", "slow.png") else 0):
                self.wfile.write(b"0" * 10_000 if path == "endless.png" else b"0")
                self.wfile.flush()
                time.sleep(0.05 if path == "slow.png" else 0)
        except OSError:
            pass  # the client has closed the connection

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requested.clear()
    Handler.authorized.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.feature("init-url")
def test_an_image_from_the_web_is_downloaded_once_and_verifies_offline(harness: SessionHarness, server: str) -> None:
    (result,) = harness.draw(f"oil -I {server}/a%20cat.png?size=large -s2 -S1")
    assert Handler.requested == ["/a%20cat.png?size=large"]
    assert f"-I {server}/a%20cat.png?size=large" in harness.saved[0].line
    assert any("downloading a cat.png" in text for text in harness.notices)
    (kept,) = (harness.folder / "outputs" / ".invoke" / "inputs").iterdir()
    assert kept.read_bytes() == png()
    line = harness.saved[0].line
    assert harness.run(f"!verify {result}") is Outcome.OK and "identical" in harness.messages
    assert pixels(harness.draw(line)[0]) == pixels(result)
    assert len(Handler.requested) == 1, "downloaded once"
    drawing().save("local.png")
    assert pixels(harness.draw("oil -I local.png -s2 -S1")[0]) == pixels(result)


def test_the_address_is_recorded_without_secrets(harness: SessionHarness, server: str) -> None:
    address = server.replace("http://", "http://someone:hunter2@")
    (result,) = harness.draw(f"oil -I {address}/q?size=9&access_token=abc123&x-amz-date=7#top -s2 -S1")
    public = f"{server}/q?size=9"
    document = json.loads(read_chunks(result)["sd-metadata"])
    assert document["parents"] == [{"name": "q.jpg", "sha256": hashlib.sha256(jpeg()).hexdigest(), "source": public}]
    assert image_facts(result)["init_image"] == public and f"-I {public} " in read_chunks(result)["Dream"] + " "
    assert any("without its credentials" in text for text in harness.notices)
    everything = [*read_chunks(result).values(), harness.saved[0].line]
    files = [path for path in (harness.folder / "outputs").rglob("*") if path.is_file()]
    everything += [path.read_bytes().decode("latin-1") for path in files]
    assert not any(secret in text for text in everything for secret in ("hunter2", "abc123", "#top"))
    assert harness.run(f"!verify {result}") is Outcome.OK and "identical" in harness.messages, harness.messages
    (again,) = harness.draw(f"!replay {result}")
    assert json.loads(read_chunks(again)["sd-metadata"])["parents"] == document["parents"]
    assert len(Handler.requested) == 1, "the stored copy is used"
    assert Handler.authorized == ["Basic c29tZW9uZTpodW50ZXIy"], "the server got the credentials"


def test_a_recorded_line_downloads_the_image_where_there_is_no_copy(harness: SessionHarness, server: str) -> None:
    (result,) = harness.draw(f"oil -I {server}/q -M {server}/moved.png -s2 -S1 -f .9")
    line = read_chunks(result)["Dream"]
    (elsewhere,) = harness.draw(f"{line} -o elsewhere")
    assert pixels(elsewhere) == pixels(result) and Handler.requested.count("/q") == 2
    harness.draw(f"oil -I {server}/q -s2 -S1")
    assert Handler.requested.count("/q") == 2 and any("stored copy of q.jpg" in text for text in harness.notices)
    harness.draw(f"oil -I {server}/q#new -s2 -S1")
    assert Handler.requested.count("/q") == 3


def test_stored_inputs_are_shown_by_name(harness: SessionHarness, server: str) -> None:
    (first,) = harness.draw(f"oil -I {server}/q -s2 -S1")
    (stored,) = (harness.folder / "outputs/.invoke/inputs").iterdir()
    drawing(96, 96).save("local.png")
    harness.draw("oil -I local.png -s2 -S1")
    Path("local.png").unlink()
    (by_name,) = harness.draw("oil -I local.png -s2 -S1")
    assert "-I local.png" in harness.saved[0].line and image_facts(by_name)["init_image"] == "local.png"
    (by_hash,) = harness.draw(f"oil -I outputs/.invoke/inputs/{stored.name} -s2 -S1")
    assert "-I q.jpg" in harness.saved[0].line and image_facts(by_hash)["init_image"] == "q.jpg"
    assert harness.run(f"!verify {first} {by_name} {by_hash}") is Outcome.OK, harness.messages


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://a:b@x.org:8080/c.png", "https://x.org:8080/c.png"),
        ("https://x.org/c.png?w=3&sig=Zz%2F&sv=2024&se=9&sp=r#f", "https://x.org/c.png?w=3"),
        ("https://x.org/c?X-Goog-Signature=1&API_KEY=2&q=cat%20dog", "https://x.org/c?q=cat%20dog"),
        (f"https://x.org/c?t={'a' * 65}&page=2", "https://x.org/c?page=2"),
        ("https://x.org/c?design=1&w=2&&", "https://x.org/c?design=1&w=2"),
        ("https://x.org/c?keyword=monkey&author=me&compass=n", "https://x.org/c?keyword=monkey&author=me&compass=n"),
        ("https://@x.org/?", "https://x.org/"),
    ],
)
def test_addresses_are_recorded_without_what_gives_access(url: str, public: str) -> None:
    assert public_address(url) == public


def test_redirects_are_followed(harness: SessionHarness, server: str) -> None:
    assert harness.draw(f"oil -I {server}/moved.png -s2")


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("none.png", "404"),
        ("page.png", "not an image"),
        ("file.png", "redirect to another protocol"),
        ("ftp.png", "cannot download"),
        ("round.png", "a redirect loop"),
        ("huge.png", "larger than 50 MB"),
        ("cut.png", "the download of cut.png ended after"),
    ],
)
def test_each_bad_download_is_one_error(fake_session: SessionHarness, server: str, page: str, message: str) -> None:
    reference = f"{server}/{page}"
    line = f"oil -I {reference} -s2"
    assert fake_session.run(line) is Outcome.FAILED
    error = fake_session.of(Failed)[0].error
    assert message in error.message, error.message
    assert error.hint and "\n" not in error.message
    assert error.span is not None and line[error.span.start : error.span.end] == reference
    assert not fake_session.saved


def test_an_unreachable_server_is_an_error(fake_session: SessionHarness) -> None:
    assert fake_session.run("oil -I http://127.0.0.1:9/x.png -s2") is Outcome.FAILED
    assert "cannot download x.png" in fake_session.errors[0]


@pytest.mark.parametrize(
    ("page", "limits", "message"),
    [
        ("endless.png", Limits(max_bytes=100_000), "larger than 0.1 MB"),
        ("slow.png", Limits(seconds=0.3), "took too long"),
        ("slow.png", Limits(silence=0.02, seconds=30), "took too long"),
    ],
)
def test_downloads_are_limited_in_size_and_time(server: str, page: str, limits: Limits, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(ImageError) as caught:
        fetch(f"{server}/{page}", lambda: None, limits)
    assert message in caught.value.message
    assert time.monotonic() - started < 5


def test_nothing_is_downloaded_offline(fake_session: SessionHarness, server: str) -> None:
    options = SessionOptions(root=str(fake_session.folder / "root"), offline=True)
    session = Session(options, emit=fake_session.events.append, opener=FakeEngine)
    assert session.run(f"oil -I {server}/moved.png -s2") is Outcome.FAILED
    assert "--offline" in fake_session.errors[0] and Handler.requested == []


def test_a_mask_is_downloaded_from_the_web(fake_session: SessionHarness, server: str) -> None:
    drawing().save("sketch.png")
    assert fake_session.draw(f"oil -I sketch.png -M {server}/moved.png -s2")
    assert fake_session.run(f"oil -I sketch.png -M {server}/none.png -s2") is Outcome.FAILED
    assert fake_session.of(Failed)[0].error.field == "init_mask"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.org/", "picture"),
        ("https://x.org/a/b%2Fc.png", "c.png"),
        ("https://x.org/..", "picture"),
        ("https://x.org/a:b.png?x=/y.png#z", "a_b.png"),
    ],
)
def test_file_names_of_downloads_are_safe(url: str, name: str) -> None:
    assert url_name(url) == name
