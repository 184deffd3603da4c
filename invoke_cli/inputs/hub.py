"""Download models from Hugging Face or a URL: list the files and their sizes, download them, resume downloads.

It opens connections only when a command requests a download.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError, OutputError
from invoke_cli.inputs.url import opener
from invoke_cli.models.files.pickles import PICKLES
from invoke_cli.models.files.weights_header import SINGLE_FILES

HUB = "https://huggingface.co"
_TIMEOUT = 30
_CHUNK = 1 << 20
_ID = re.compile(r"[\w.-]+/[\w.-]+")
_NETWORK = "diffusion_pytorch_model"
_TEXTS = (".json", ".txt", ".model", ".jinja")
_EXCLUDED = ("safety_checker/", "feature_extractor/", "image_encoder/")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file to download.

    Attributes:
        path: Its path within the folder of the model.
        url: Its URL.
        size: Its size in bytes; 0 if unknown.
    """

    path: str
    url: str
    size: int


def is_remote(source: str) -> bool:
    """Return whether a source is a URL or an ID on Hugging Face (`owner/name`), not a path."""
    return source.startswith(("https://", "http://")) or bool(_ID.fullmatch(source))


def list_remote(source: str, hub: str = HUB) -> list[RemoteFile]:
    """List the files of a model. Raises ModelError if it is missing, needs a login, or is not usable (pickles)."""
    if source.startswith(("https://", "http://")):
        return [_file_at(source)]
    with _open_url(f"{hub}/api/models/{source}/tree/main?recursive=true") as response:
        entries = json.loads(response.read())
    sizes = {str(entry["path"]): int(entry.get("size") or 0) for entry in entries if entry.get("type") == "file"}
    chosen = select_files(list(sizes))
    pickled = pickled_components(list(sizes))
    if chosen and pickled:
        message = f"{source} has its {' and '.join(pickled)} only as pickles, which can run code and are not downloaded"
        raise ModelError(message, hint="choose a repository with .safetensors files", field="model")
    if not chosen:
        raise ModelError(
            f"{source} contains no model in a known layout", hint="choose another repository", field="model"
        )
    return [RemoteFile(path=path, url=f"{hub}/{source}/resolve/main/{path}", size=sizes[path]) for path in chosen]


def _file_at(url: str) -> RemoteFile:
    """Return the model file at a URL. Raises ModelError if it is not a single-file model."""
    with _open_url(url, method="HEAD") as response:
        size = int(response.headers.get("Content-Length") or 0)
    name = url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    if not name.endswith(SINGLE_FILES):
        raise ModelError(
            f"{name} is not a .safetensors or .gguf file", hint="only such files are downloaded", field="model"
        )
    return RemoteFile(path=name, url=url, size=size)


def select_files(paths: Sequence[str]) -> list[str]:
    """Select the files to download.

    Of a pipeline, these are the configs, the tokenizers and one set of safetensors weights per component, without a
    variant if there is one. Of a repository without model_index.json, it is the only weight file, with the config if
    it is a single network, such as a ControlNet.

    Args:
        paths: The paths of all files in the repository.
    """
    if "model_index.json" not in paths:
        return _select_single_file(paths)
    inside = [path for path in paths if path.count("/") == 1 and not path.startswith(_EXCLUDED)]
    texts = [path for path in inside if path.endswith(_TEXTS) and ".index." not in path]
    folders = {path.split("/")[0] for path in inside}
    weights = [path for folder in folders for path in _select_weights(inside, folder)]
    return sorted({"model_index.json", *texts, *weights})


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
    inside = [path for path in paths if path.count("/") == 1 and not path.startswith(_EXCLUDED)]
    pickles = {path.split("/")[0] for path in inside if path.endswith(PICKLES)}
    return sorted(pickles - {path.split("/")[0] for path in inside if path.endswith(".safetensors")})


def fetch(files: Sequence[RemoteFile], folder: Path, progress: Progress) -> None:
    """Download files to a folder; existing files are kept, incomplete ones are resumed."""
    total = sum(file.size for file in files)
    _check_space(folder, total)
    done = 0
    for file in files:
        target = folder / file.path
        for count in _fetch_file(file, target):
            progress(done + count, total)
        done += target.stat().st_size
    progress(done, total)


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


def _fetch_file(file: RemoteFile, target: Path) -> Iterator[int]:
    """Download a file; yield the number of bytes present after each chunk."""
    if target.is_file() and (not file.size or target.stat().st_size == file.size):
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    start = part.stat().st_size if part.is_file() else 0
    if not (file.size and start == file.size):
        yield from _download(file.url, part, start)
    if file.size and part.stat().st_size != file.size:
        raise ModelError(
            f"the download of {file.path} is incomplete", hint="repeat the command to resume it", field="model"
        )
    part.replace(target)


def _open_url(url: str, method: str = "GET", start: int = 0) -> Any:
    headers = {"User-Agent": "invoke-cli"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if url.startswith(HUB) and os.environ.get("HF_TOKEN"):
        headers["Authorization"] = f"Bearer {os.environ['HF_TOKEN']}"
    try:
        return opener().open(urllib.request.Request(url, headers=headers, method=method), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        login = error.code in (401, 403)
        hint = (
            "a login is required: accept the terms on the website and set HF_TOKEN" if login else "check the spelling"
        )
        raise ModelError(f"{url} returned {error.code} {error.reason}", hint=hint, field="model") from None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        hint = "check the connection, then repeat the command to resume"
        raise ModelError(f"cannot reach {url}: {reason}", hint=hint, field="model") from None
