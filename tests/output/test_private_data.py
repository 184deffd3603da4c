"""What others may read: files in private folders, passwords and tokens in what is kept and shown; full disks."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from invoke_cli.language.addresses import mask_secrets
from invoke_cli.output.files import append_line, make_folder, write_atomically
from invoke_cli.output.typed_lines import TypedLines
from tests.image_files import png
from tests.session_harness import SessionHarness

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
NOBODY = 65534
Usage = namedtuple("Usage", "total used free")


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


@POSIX
@pytest.mark.feature("private")
def test_results_in_a_private_folder_are_readable_by_their_owner_only(harness: SessionHarness, sketch: Path) -> None:
    outputs = harness.folder / "outputs"
    outputs.mkdir(mode=0o700)
    before = os.umask(0o022)
    try:
        harness.draw(f"a cat -s2 -S1 -I {sketch.name} -f.5 --save_intermediates 1 -p")
        harness.run("!tag 1 good", "!rm 1")
    finally:
        os.umask(before)
    modes = _modes(outputs)
    assert {".invoke", "history.sqlite3", "inputs", "trash", "invoke_log.txt", "invoke_log.md", "lock"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}


@POSIX
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can act as another user")
def test_a_copy_of_a_private_folder_s_files_is_unreadable_for_another_user() -> None:
    folder = Path(tempfile.mkdtemp())  # one that another user can enter
    folder.chmod(0o755)
    for name, mode in (("private", 0o700), ("open", 0o755)):
        (folder / name).mkdir(mode=mode)
        append_line(folder / name / "log.txt", "a cat\n")
        TypedLines(folder / name / ".invoke" / "history.sqlite3").remember("a cat")
        (folder / name).chmod(0o755)  # as when it is copied elsewhere with its permissions
    script = (
        "import os, sys, pathlib; os.setuid(int(sys.argv[1]))\n"
        "for path in map(pathlib.Path, sys.argv[2:]):\n"
        "    try: print(bool(path.read_bytes()))\n"
        "    except PermissionError: print('refused')"
    )
    names = ("private/log.txt", "private/.invoke/history.sqlite3", "open/log.txt", "open/.invoke/history.sqlite3")
    command = [sys.executable, "-c", script, str(NOBODY), *(str(folder / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(folder)
    assert done.stdout.split() == ["refused", "refused", "True", "True"]


@POSIX
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o700, 0o600), (0o750, 0o640), (0o755, 0o644), (0o711, 0o644)])
def test_a_file_grants_nothing_that_its_folder_denies(tmp_path: Path, folder_mode: int, file_mode: int) -> None:
    tmp_path.chmod(folder_mode)
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "a" / "b" / "c.txt", b"x")
        make_folder(tmp_path / "d")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a" / "b" / "c.txt").stat().st_mode) == file_mode
    assert (
        stat.S_IMODE((tmp_path / "d").stat().st_mode) & 0o077
        == (0o755 if folder_mode == 0o711 else folder_mode) & 0o077
    )


class Guarded(BaseHTTPRequestHandler):
    """A server that sends an image to those who know the password."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") and "missing" not in self.path
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(png() if known else b"")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def guarded() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.feature("init-url")
def test_passwords_and_tokens_reach_no_file_and_no_message(harness: SessionHarness, guarded: str) -> None:
    secret = "geheim7"
    address = f"http://{secret}:{secret}@{guarded}/a.png?size=large&token={secret}#access={secret}"
    typed = TypedLines(harness.folder / "outputs" / ".invoke" / "history.sqlite3")
    missing = address.replace("a.png", "missing.png")
    lines = (
        f"oil -I {address} -s2 -S1", f"oil -I {missing} -s2", f"oil -I {address} --wrong", f"!info {address}",
        f"!import_model {address.replace('a.png', 'missing.safetensors')}", f"!{address}", f"oil -s{address}",
        f"!search strength>{address}", f"oil -I {address} -M {address} -s2", f"!alias x -I {address}q",
        f"oil -m {address}", f"oil --lora {address}", f"oil -m hf_abcdefghij0123456789{secret}",
    )  # fmt: skip
    for line in lines:
        harness.run(line)
        typed.remember(line)
        for event in harness.events:
            facts = [vars(event.error)] if isinstance(event, Failed) else []
            assert secret not in repr([event, facts]), line
    files = [path for path in harness.folder.rglob("*") if path.is_file() and "configs" not in path.parts]
    assert len(files) > 3 and [path for path in files if secret.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("-I https://me:pw@x.org/a.png?size=1&key=abc", "-I https://*****@x.org/a.png?size=1&key=***"),
        ("see http://x.org/a@b.png and a@b.org", "see http://x.org/a@b.png and a@b.org"),
        ("hf_abcdefghijklmnop12 x", "********************* x"),
        ("a sk-illful-painting-of-a-cat, 4k", "a sk-illful-painting-of-a-cat, 4k"),
        ("HTTPS://U:P@X/?SIG=a|b", "HTTPS://***@X/?SIG=*|b"),
        ("a cat -s30", "a cat -s30"),
    ],
)
def test_secrets_are_masked_in_place(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked and len(masked) == len(text)


@pytest.mark.feature("disk-space")
def test_a_full_disk_is_noticed_before_the_line_starts(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 5_000_000))
    assert fake_session.run("a cat -s4 -n3 -W512 -H512") is Outcome.OK
    for line in (
        "a cat -s4 -n40 -W512 -H512",
        "a cat -s60 -W512 -H512 --save_intermediates 1",
        "a cat -n2 -U4 -W512 -H512 -s2",
    ):
        assert fake_session.run(line) is Outcome.FAILED
        assert "only 5 MB are free" in fake_session.errors[0] and not fake_session.saved


@pytest.mark.feature("disk-space")
def test_a_disk_too_small_for_a_whole_sweep_is_noticed_before_its_first_cell(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 5_000_000))
    assert fake_session.run("!sweep a cat -s 1..40 -W512 -H512 -S1") is Outcome.FAILED
    assert "need about 10 MB" in fake_session.errors[0] and not fake_session.saved
    assert fake_session.run("!sweep a cat -s 1..4 -W512 -H512 -S1") is Outcome.OK


@pytest.mark.feature("disk-space")
def test_the_disk_of_a_file_that_is_named_is_the_one_that_counts(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()

    def usage(folder: Path) -> Usage:
        return Usage(10**12, 0, 100_000 if stick in (folder, *folder.parents) else 10**12)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert fake_session.run(f"a cat -s2 -W512 -H512 -o {stick}/new/cat.png") is Outcome.FAILED
    assert "free in" in fake_session.errors[0] and "stick" in fake_session.errors[0] and not fake_session.saved
    assert fake_session.run("a cat -s2 -W512 -H512") is Outcome.OK
    assert fake_session.run(f"a cat -s2 -W64 -H64 -o {stick}/new/cat.png") is Outcome.OK
