"""Commands on models: entries, facts, downloads and conversion, and their mistakes."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import ModelError
from invoke_cli.events import Failed
from invoke_cli.inputs.hub import fetch, list_remote, pickled_components, select_files
from tests.fake_engine import FakeEngine
from tests.session_harness import SessionHarness


def entries(harness: SessionHarness) -> str:
    return (harness.folder / "root" / "configs" / "models.yaml").read_text(encoding="utf-8")


@pytest.mark.feature("model-checked")
def test_models_are_listed_with_their_state(fake_session: SessionHarness) -> None:
    (fake_session.folder / "root/configs/models.yaml").write_text(
        entries(fake_session) + "gone:\n  path: /nowhere/at/all\n", encoding="utf-8"
    )
    assert fake_session.run("!models") is Outcome.OK
    lines = {line.split()[0]: line for line in fake_session.messages.splitlines()}
    assert "active" in lines["tiny"] and "64 px" in lines["tiny"]
    assert "missing" in lines["gone"] and "/nowhere/at/all" in lines["gone"]
    fake_session.draw("a cat -s 2")
    fake_session.run("!models")
    assert "active, loaded" in fake_session.messages


@pytest.mark.feature("model-tags")
def test_models_are_listed_by_their_good_for_tags(fake_session: SessionHarness) -> None:
    fake_session.run("!edit_model tiny good_for night scenes, portraits")
    assert fake_session.run("!models --for portrait") is Outcome.OK, fake_session.errors
    assert [line.split()[0] for line in fake_session.messages.splitlines()] == ["tiny"]
    assert fake_session.run("!models --for cars") is not Outcome.OK
    assert fake_session.errors[0] == "no model is tagged for cars"
    assert "night scenes, portraits" in fake_session.of(Failed)[0].error.hint
    assert fake_session.run("!models cars") is not Outcome.OK and "--for" in fake_session.errors[0]


def test_model_shows_family_path_hash_and_precision(fake_session: SessionHarness, tiny_model: Path) -> None:
    assert fake_session.run("!model tiny") is Outcome.OK
    facts = dict(line.split(None, 1) for line in fake_session.messages.splitlines())
    assert facts["family"] == "Stable Diffusion 1.x" and str(tiny_model) in facts["path"]
    assert len(facts["hash"]) == 64 and facts["precision"] == "float32"
    assert "64 x 64" in fake_session.messages


def test_editing_an_entry_keeps_comments(fake_session: SessionHarness, tiny_model: Path) -> None:
    path = fake_session.folder / "root/configs/models.yaml"
    path.write_text(
        f"# mine\ntiny:   # the small one\n  path: {tiny_model}  # here\n  default: true\n", encoding="utf-8"
    )
    assert fake_session.run("!edit_model tiny description a very small one") is Outcome.OK, fake_session.errors
    assert fake_session.run("!edit_model tiny defaults -s 7 -C 3") is Outcome.OK, fake_session.errors
    for text in ("# mine", "# the small one", "# here", "description: a very small one"):
        assert text in entries(fake_session)
    assert fake_session.session.context.settings.defaults().request.num_inference_steps == 7
    assert fake_session.run("!edit_model tiny description none") is Outcome.OK
    assert "a very small one" not in entries(fake_session)
    assert fake_session.run("!edit_model tiny") is Outcome.OK and "defaults: -s 7 -C 3" in fake_session.messages


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("!edit_model tiny siz 5", "unknown setting"),
        ("!edit_model tiny size huge", "size must be a number"),
        ("!edit_model tiny defaults -s 0", "-s"),
        ("!edit_model nobody description x", "no such model: nobody"),
        ("!del_model sketchbook", "part of the program"),
        ("!import_model /nowhere/model", "no such file or folder"),
        ("!import_model", "needs an argument"),
        ("!model nobody", "no such model: nobody"),
        ("!convert_model /nowhere.safetensors", "no such file"),
    ],
)
def test_mistakes_leave_the_entries_unchanged(fake_session: SessionHarness, line: str, facts: str) -> None:
    before = entries(fake_session)
    assert fake_session.run(line) is not Outcome.OK
    assert facts in fake_session.errors[0]
    assert entries(fake_session) == before
    assert fake_session.run("a cat -s 2") is Outcome.OK


def test_a_folder_is_imported_used_and_deleted(fake_session: SessionHarness, tiny_model: Path) -> None:
    copy = shutil.copytree(tiny_model, fake_session.folder / "another one")
    assert fake_session.run(f'!import_model "{copy}" second') is Outcome.OK, fake_session.errors
    assert "Stable Diffusion 1.x" in fake_session.notices[-1] and str(copy) in entries(fake_session)
    assert len(fake_session.draw("a cat -s 2 -m second")) == 1
    assert fake_session.run("!switch second") is Outcome.OK
    assert fake_session.run("!switch tiny") is Outcome.OK
    assert fake_session.run("!del_model second") is Outcome.OK and copy.is_dir()
    assert fake_session.run("a cat -m second") is Outcome.FAILED


def test_a_packaged_entry_is_overridden_and_restored(fake_session: SessionHarness) -> None:
    assert fake_session.run("!edit_model sketchbook defaults -s 9") is Outcome.OK, fake_session.errors
    assert 'path: "{package}/assets/sketchbook"' in entries(fake_session) and "preview" in entries(fake_session)
    spec = fake_session.session.context.settings.registry.find("sketchbook")
    assert spec.defaults.num_inference_steps == 9
    assert fake_session.run("!del_model sketchbook") is Outcome.OK
    assert fake_session.session.context.settings.registry.find("sketchbook").defaults.num_inference_steps == 20


@pytest.mark.feature("triggers")
def test_missing_trigger_words_give_a_notice(fake_session: SessionHarness) -> None:
    assert fake_session.run("!edit_model tiny triggers elden ring style, er") is Outcome.OK, fake_session.errors
    fake_session.run("!triggers tiny")
    assert fake_session.messages == "elden ring style, er"
    fake_session.draw("a castle -s 2")
    assert any("elden ring style" in notice for notice in fake_session.notices)
    fake_session.draw("a castle, Elden Ring style -s 2")
    assert not any("elden ring style" in notice for notice in fake_session.notices)


# -- downloading ------------------------------------------------------------------------------------------------------


class Hub(http.server.SimpleHTTPRequestHandler):
    """A handler that serves a folder with range requests and records them."""

    asked: list[str]
    cut: int

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        range_header = self.headers.get("Range")
        start = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header else 0
        type(self).asked.append(f"{self.path} from {start}")
        self.send_response(206 if range_header else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = min(len(data), start + type(self).cut)
        self.wfile.write(data[start:end])


class Server(http.server.ThreadingHTTPServer):
    """A server that waits for its responses when it is closed."""

    daemon_threads = False


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, type[Hub], Path]]:
    served = tmp_path / "served"
    served.mkdir()
    handler = type("OwnHub", (Hub,), {"asked": [], "cut": 1 << 30})
    server = Server(("127.0.0.1", 0), lambda *arguments: handler(*arguments, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler, served
    server.shutdown()
    server.server_close()


@pytest.mark.feature("import")
def test_a_download_reports_its_size_and_resumes(
    fake_session: SessionHarness, hub: tuple[str, type[Hub], Path], tmp_path: Path
) -> None:
    address, handler, served = hub
    content = bytes(range(256)) * 4000
    (served / "big.safetensors").write_bytes(content)
    files = list_remote(f"{address}/big.safetensors")
    assert [file.size for file in files.files] == [len(content)]
    handler.cut = 300_000
    target = tmp_path / "fetched"
    with pytest.raises((ModelError, OSError)):
        fetch(files, target, lambda done, total: None)
    assert not (target / "big.safetensors").exists()
    partial_size = (target / "big.safetensors.part").stat().st_size
    assert 0 < partial_size < len(content)
    handler.cut = 1 << 30
    progress: list[int] = []
    fetch(files, target, lambda done, total: progress.append(done))
    assert (target / "big.safetensors").read_bytes() == content
    assert handler.asked[-1] == f"/big.safetensors from {partial_size}" and progress[-1] == len(content)
    asked = len(handler.asked)
    fetch(files, target, lambda done, total: None)
    assert len(handler.asked) == asked, "complete files are not downloaded again"


def test_a_downloaded_file_must_be_a_model(fake_session: SessionHarness, hub: tuple[str, type[Hub], Path]) -> None:
    address, _, served = hub
    (served / "broken.safetensors").write_bytes(b"no tensors at all")
    assert fake_session.run(f"!import_model {address}/broken.safetensors") is Outcome.FAILED
    assert "incomplete or not a .safetensors file" in fake_session.errors[0]
    assert any("downloading" in notice and "MB" in notice for notice in fake_session.notices)
    assert fake_session.run(f"!import_model {address}/nothing.safetensors") is Outcome.FAILED
    assert "404" in fake_session.errors[0]
    assert fake_session.run(f"!import_model {address}/model.ckpt") is Outcome.FAILED


@pytest.mark.feature("import")
def test_nothing_is_downloaded_offline(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = SessionOptions(root=str(tmp_path / "root"), offline=True)
    harness = SessionHarness(tmp_path, tiny_model, FakeEngine, options)
    for source in ("somebody/some-model", "https://example.org/model.safetensors"):
        assert harness.run(f"!import_model {source}") is Outcome.FAILED
        assert "--offline" in harness.errors[0]
    harness.session.close()


def test_one_set_of_weights_of_a_repository_is_selected() -> None:
    paths = [
        "model_index.json", "README.md", "v1-5-pruned.safetensors", "unet/config.json",
        "scheduler/scheduler_config.json",
        "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.bin", "vae/config.json", "vae/diffusion_pytorch_model.fp16.safetensors",
        "safety_checker/model.safetensors", "tokenizer/vocab.json", "tokenizer/merges.txt",
        "text_encoder/model-00001-of-00002.safetensors", "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
    ]  # fmt: skip
    chosen = select_files(paths)
    assert (
        "unet/diffusion_pytorch_model.safetensors" in chosen
        and "vae/diffusion_pytorch_model.fp16.safetensors" in chosen
    )
    assert pickled_components(paths) == [] and pickled_components([*paths, "image/a.bin", "safety_checker/b.bin"]) == [
        "image"
    ]
    assert not any("bin" in path or "safety" in path or path == "v1-5-pruned.safetensors" for path in chosen)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" not in chosen
    assert sum("text_encoder/" in path for path in chosen) == 3
    assert select_files(["model.safetensors", "README.md"]) == ["model.safetensors"]
    net = ["config.json", "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors", "x.png"]
    assert select_files(net) == ["config.json", "diffusion_pytorch_model.safetensors"], "a ControlNet"
    assert select_files(["a.safetensors", "b.safetensors"]) == []
