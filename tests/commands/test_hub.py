"""Downloads from Hugging Face through huggingface_hub, against a server that answers as the Hub does."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.session_harness import SessionHarness

REPO, COMMIT = "someone/tiny-model", "a" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves one repository from a folder; files in `damaged` are sent with other bytes."""

    folder: ClassVar[Path]
    damaged: ClassVar[set[str]] = set()
    tokens: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        self.tokens.append(self.headers.get("Authorization", ""))
        path = self.path.partition("?")[0]
        prefix = f"/{REPO}/resolve/{COMMIT}/"
        if path.startswith(prefix) and (self.folder / path.removeprefix(prefix)).is_file():
            self._file(path.removeprefix(prefix), body=body)
        elif path.startswith(f"/api/models/{REPO}"):
            files = self._files()
            about = {"id": REPO, "sha": COMMIT, "siblings": files, "private": False, "tags": [], "downloads": 0}
            tree = [{"type": "file", "path": file["rfilename"], "size": file["size"], "oid": "0" * 40,
                     "lfs": {"oid": file["lfs"]["sha256"], "size": file["size"], "pointerSize": 1}}
                    for file in files]  # fmt: skip
            self._send(200, json.dumps(tree if "/tree/" in path else about).encode(), {}, body=body)
        else:
            gated = {"X-Error-Code": "GatedRepo"} if "gated" in path else {"X-Error-Code": "RepoNotFound"}
            self._send(403 if "gated" in path else 404, b"{}", gated, body=body)

    def _files(self) -> list[dict[str, Any]]:
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [
            {"rfilename": path.relative_to(self.folder).as_posix(), "size": path.stat().st_size, "blobId": "0" * 40,
             "lfs": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size,
                     "pointerSize": 1}}
            for path in paths
        ]  # fmt: skip

    def _file(self, name: str, *, body: bool) -> None:
        content = (self.folder / name).read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        if name in self.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}, body=body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    handler = type("OneHub", (Hub,), {"folder": tiny_model, "damaged": set(), "tokens": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("HF_HUB_CACHE", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    yield handler
    server.shutdown()
    server.server_close()


def hint(harness: SessionHarness) -> str:
    return harness.of(Failed)[0].error.hint


def test_a_repository_is_downloaded_to_the_hubs_cache_and_used(
    fake_session: SessionHarness, hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert fake_session.run(f"!import_model {REPO}") is Outcome.OK, fake_session.errors
    assert any("downloading" in text and "MB" in text and str(tmp_path / "hf") in text for text in fake_session.notices)
    snapshot = tmp_path / "hf" / "hub" / "models--someone--tiny-model" / "snapshots" / COMMIT
    assert (snapshot / "unet" / "diffusion_pytorch_model.safetensors").is_file()
    assert "Bearer hf_secret" in hub.tokens
    fake_session.draw("a cat -s 2 -m tiny-model")
    asked = len(hub.tokens)
    assert fake_session.run(f"!import_model {REPO} again") is Outcome.OK, fake_session.errors
    assert len(hub.tokens) - asked < asked, "files in the cache are not downloaded again"


def test_a_damaged_download_is_an_error_and_is_repeated(fake_session: SessionHarness, hub: type[Hub]) -> None:
    hub.damaged.add("vae/diffusion_pytorch_model.safetensors")
    assert fake_session.run(f"!import_model {REPO}") is not Outcome.OK
    assert "checksum" in fake_session.errors[0]
    hub.damaged.clear()
    assert fake_session.run(f"!import_model {REPO}") is Outcome.OK, fake_session.errors


def test_missing_and_gated_repositories_are_named(fake_session: SessionHarness, hub: type[Hub]) -> None:
    assert fake_session.run("!import_model someone/nothing") is not Outcome.OK
    assert fake_session.errors[0] == "there is no repository someone/nothing" and "hf auth login" in hint(fake_session)
    assert fake_session.run("!import_model someone/gated-model") is not Outcome.OK
    assert fake_session.errors[0] == "someone/gated-model is gated" and "accept its terms" in hint(fake_session)


def test_without_a_connection_the_error_says_so(
    fake_session: SessionHarness, hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fake_session.run(f"!import_model {REPO}") is not Outcome.OK
    assert fake_session.errors[0].startswith(f"cannot download {REPO}: ")
