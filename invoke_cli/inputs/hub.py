"""Download models from Hugging Face or a URL: list the files and their sizes, download them, resume downloads.

Repositories are downloaded by huggingface_hub in a process of its own (see `hub_worker`). This module opens connections
only when a command requests a download.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from invoke_cli.context.hub_cache import hub_cache, is_hub_id
from invoke_cli.documents import parse_json
from invoke_cli.errors import ModelError, OutputError
from invoke_cli.inputs.connections import opener
from invoke_cli.language.addresses import public_address
from invoke_cli.models.files.pickles import PICKLES
from invoke_cli.models.files.weights_header import SINGLE_FILES

_TIMEOUT = 30
_CHUNK = 1 << 20
_NETWORK = "diffusion_pytorch_model"
_TEXTS = (".json", ".txt", ".model", ".jinja")
_EXCLUDED = ("safety_checker/", "feature_extractor/", "image_encoder/")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # set by the engine for its own process
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file to download.

    Attributes:
        path: Its path within the folder of the model.
        size: Its size in bytes; 0 if unknown.
        sha256: Its checksum; empty if unknown.
    """

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteModel:
    """The files of a model at a URL or on Hugging Face.

    Attributes:
        source: The URL, or the ID `owner/name`.
        files: The files to download.
        revision: The commit of the repository; empty for a URL.
    """

    source: str
    files: tuple[RemoteFile, ...]
    revision: str = ""

    @property
    def size(self) -> int:
        """The size of all files, in bytes."""
        return sum(file.size for file in self.files)


def is_remote(source: str) -> bool:
    """Return whether a source is a URL or an ID on Hugging Face (`owner/name`), not a path."""
    return _is_url(source) or is_hub_id(source)


def _is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def list_remote(source: str) -> RemoteModel:
    """List the files of a model. Raises ModelError if it is missing, needs a login, or is not usable (pickles)."""
    if _is_url(source):
        return RemoteModel(source=source, files=(_file_at(source),))
    found = _result({"action": "list", "repo": source})
    files = {str(file["path"]): RemoteFile(**file) for file in found["files"]}
    chosen = select_files(list(files), found["components"])
    pickled = pickled_components(list(files))
    if chosen and pickled:
        message = f"{source} has its {' and '.join(pickled)} only as pickles, which can run code and are not downloaded"
        raise ModelError(message, hint="choose a repository with .safetensors files", field="model")
    if not chosen:
        raise ModelError(
            f"{source} contains no model in a known layout", hint="choose another repository", field="model"
        )
    return RemoteModel(source=source, files=tuple(files[path] for path in chosen), revision=found["revision"])


def _file_at(url: str) -> RemoteFile:
    """Return the model file at a URL. Raises ModelError if it is not a single-file model."""
    with _open_url(url, method="HEAD") as response:
        size = int(response.headers.get("Content-Length") or 0)
    name = url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    if not name.endswith(SINGLE_FILES):
        raise ModelError(
            f"{name} is not a .safetensors or .gguf file", hint="only such files are downloaded", field="model"
        )
    return RemoteFile(path=name, size=size)


def select_files(paths: Sequence[str], components: Sequence[str] = ()) -> list[str]:
    """Select the files to download.

    Of a pipeline, these are the configs, the tokenizers and one set of safetensors weights per component, without a
    variant if there is one. Of a repository without model_index.json, it is the only weight file, with the config if
    it is a single network, such as a ControlNet.

    Args:
        paths: The paths of all files in the repository.
        components: The components that model_index.json names; without them, every subfolder is one.
    """
    if "model_index.json" not in paths:
        return _select_single_file(paths)
    inside = [path for path in _inside(paths) if not components or path.split("/")[0] in components]
    texts = [path for path in inside if path.endswith(_TEXTS) and ".index." not in path]
    folders = {path.split("/")[0] for path in inside}
    weights = [path for folder in folders for path in _select_weights(inside, folder)]
    return sorted({"model_index.json", *texts, *weights})


def _inside(paths: Sequence[str]) -> list[str]:
    """Return the files of a pipeline's components."""
    return [path for path in paths if path.count("/") == 1 and not path.startswith(_EXCLUDED)]


def _select_single_file(paths: Sequence[str]) -> list[str]:
    """Return the only weight file, or a network with its config; empty if the choice is unclear."""
    files = [path for path in paths if path.endswith(".safetensors") and "/" not in path]
    networks = [path for path in files if path.startswith(_NETWORK)]
    if networks and "config.json" in paths:
        return ["config.json", *([path for path in networks if path.count(".") == 1] or networks)[:1]]
    return files if len(files) == 1 else []


def _select_weights(paths: Sequence[str], folder: str) -> list[str]:
    """Return the safetensors weights of a component: those without a variant, else the fp16 ones."""
    weights = [path for path in paths if path.startswith(f"{folder}/") and ".safetensors" in path]
    plain = [path for path in weights if "." not in path.split("/")[1].split(".safetensors")[0]]
    return plain or [path for path in weights if ".fp16" in path]


def pickled_components(paths: Sequence[str]) -> list[str]:
    """Return the components of a pipeline that exist only as pickles."""
    inside = _inside(paths)
    pickles = {path.split("/")[0] for path in inside if path.endswith(PICKLES)}
    return sorted(pickles - {path.split("/")[0] for path in inside if path.endswith(".safetensors")})


def fetch(remote: RemoteModel, folder: Path, progress: Progress) -> Path:
    """Download a model; existing files are kept, incomplete ones are resumed.

    Args:
        remote: The model.
        folder: The folder for a file at a URL; a repository is downloaded to huggingface_hub's cache.
        progress: Receives the number of bytes present and in total; may raise to stop.

    Returns:
        The path of the model: its only file, or its folder.
    """
    if remote.revision:
        _check_space(hub_cache(), remote.size)
        request = {"action": "fetch", "repo": remote.source, "revision": remote.revision}
        files = [asdict(file) for file in remote.files]
        local = Path(_result({**request, "files": files}, lambda done: progress(min(done, remote.size), remote.size)))
        progress(remote.size, remote.size)
    else:
        local = folder
        _check_space(folder, remote.size)
        for count in _fetch_file(remote.source, remote.files[0], folder / remote.files[0].path):
            progress(count, remote.size)
    return local / remote.files[0].path if len(remote.files) == 1 else local


def _result(request: Mapping[str, Any], progress: Callable[[int], None] = lambda _: None) -> Any:
    """Return the answer of the worker process to a request. Raises ModelError, with the worker's words."""
    environment = {name: value for name, value in os.environ.items() if name not in _OFFLINE}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-m", "invoke_cli.inputs.hub_worker"]
    with subprocess.Popen(  # our own module
        command, env=environment, text=True, encoding="utf-8", start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as worker:  # fmt: skip
        assert worker.stdin is not None and worker.stdout is not None
        try:
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.close()
            for line in worker.stdout:
                answer = parse_json(line)
                if "result" in answer:
                    return answer["result"]
                if "error" in answer:
                    raise ModelError(answer["error"], hint=answer["hint"], field="model")
                progress(int(answer["done"]))
        finally:
            worker.kill()
    raise ModelError(f"the download of {request['repo']} ended early", hint="repeat the command", field="model")


def _check_space(folder: Path, total: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    present = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if total - present > free:
        needed = f"the download needs {total / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free"
        message = f"not enough space in {folder}: {needed}"
        raise OutputError(message, hint="free some space, or choose another --root")


def _download(url: str, part: Path, start: int) -> Iterator[int]:
    """Append to a partial file from byte `start`, or restart it if the server cannot; yield the bytes present."""
    with _open_url(url, start=start) as response:
        is_appended = start and response.status == 206
        count = start if is_appended else 0
        with part.open("ab" if is_appended else "wb") as output:
            while chunk := response.read(_CHUNK):
                output.write(chunk)
                count += len(chunk)
                yield count


def _fetch_file(url: str, file: RemoteFile, target: Path) -> Iterator[int]:
    """Download a file; yield the number of bytes present after each chunk."""
    if target.is_file() and (not file.size or target.stat().st_size == file.size):
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    start = part.stat().st_size if part.is_file() else 0
    if not (file.size and start == file.size):
        yield from _download(url, part, start)
    if file.size and part.stat().st_size != file.size:
        raise ModelError(
            f"the download of {file.path} is incomplete", hint="repeat the command to resume it", field="model"
        )
    part.replace(target)


def _open_url(url: str, method: str = "GET", start: int = 0) -> Any:
    headers = {"User-Agent": "invoke-cli"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return opener().open(urllib.request.Request(url, headers=headers, method=method), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        login = error.code in (401, 403)
        hint = (
            "a login is required: accept the terms on the website and set HF_TOKEN" if login else "check the spelling"
        )
        raise ModelError(
            f"{public_address(url)} returned {error.code} {error.reason}", hint=hint, field="model"
        ) from None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        hint = "check the connection, then repeat the command to resume"
        raise ModelError(f"cannot reach {public_address(url)}: {reason}", hint=hint, field="model") from None
