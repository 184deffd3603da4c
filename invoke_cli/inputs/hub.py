"""Fetching a model from a hub or an address: what it holds, its size, and its files, resumed where they broke off.

It opens connections only when a command asks for it.
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
_LEFT_OUT = ("safety_checker/", "feature_extractor/", "image_encoder/")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file that can be fetched: its place below the model's folder, where it lies, and its size in bytes."""

    path: str
    url: str
    size: int


def is_remote(source: str) -> bool:
    """Whether a source is an address or a hub's id (`owner/name`), and no path."""
    return source.startswith(("https://", "http://")) or bool(_ID.fullmatch(source))


def list_remote(source: str, hub: str = HUB) -> list[RemoteFile]:
    """The files of a model; ModelError when it is not there, needs a login, is none, or is pickled."""
    if source.startswith(("https://", "http://")):
        with _opened(source, method="HEAD") as answer:
            size = int(answer.headers.get("Content-Length") or 0)
        name = source.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        if not name.endswith(SINGLE_FILES):
            raise ModelError(
                f"{name} is no .safetensors and no .gguf file", hint="only such files are fetched", field="model"
            )
        return [RemoteFile(path=name, url=source, size=size)]
    with _opened(f"{hub}/api/models/{source}/tree/main?recursive=true") as answer:
        entries = json.loads(answer.read())
    sizes = {str(entry["path"]): int(entry.get("size") or 0) for entry in entries if entry.get("type") == "file"}
    chosen = wanted(list(sizes))
    pickled = only_pickled(list(sizes))
    if chosen and pickled:
        message = f"{source} has its {' and '.join(pickled)} as pickles alone, which can run code and are not fetched"
        raise ModelError(message, hint="name a repository with .safetensors files", field="model")
    if not chosen:
        raise ModelError(f"{source} holds no model in a layout that is known", hint="name another", field="model")
    return [RemoteFile(path=path, url=f"{hub}/{source}/resolve/main/{path}", size=sizes[path]) for path in chosen]


def wanted(paths: Sequence[str]) -> list[str]:
    """The files that a pipeline is loaded from: configs, tokenizers, and of the weights one set for each component:
    safetensors, full ones rather than a variant. Of a repository without model_index.json the one weight file, with
    its config where it is a network's, such as a ControlNet's.
    """
    if "model_index.json" not in paths:
        files = [path for path in paths if path.endswith(".safetensors") and "/" not in path]
        networks = [path for path in files if path.startswith(_NETWORK)]
        if networks and "config.json" in paths:
            return ["config.json", *([path for path in networks if path.count(".") == 1] or networks)[:1]]
        return files if len(files) == 1 else []
    inside = [path for path in paths if "/" in path and not path.startswith(_LEFT_OUT) and path.count("/") == 1]
    chosen = ["model_index.json", *(path for path in inside if path.endswith(_TEXTS) and ".index." not in path)]
    for folder in sorted({path.split("/")[0] for path in inside}):
        weights = [path for path in inside if path.startswith(f"{folder}/") and ".safetensors" in path]
        plain = [path for path in weights if "." not in path.split("/")[1].split(".safetensors")[0]]
        chosen += plain or [path for path in weights if ".fp16" in path]
    return sorted(dict.fromkeys(chosen))


def only_pickled(paths: Sequence[str]) -> list[str]:
    """The components of a pipeline that a repository has as pickles alone."""
    inside = [path for path in paths if path.count("/") == 1 and not path.startswith(_LEFT_OUT)]
    pickles = {path.split("/")[0] for path in inside if path.endswith(PICKLES)}
    return sorted(pickles - {path.split("/")[0] for path in inside if path.endswith(".safetensors")})


def fetch(files: Sequence[RemoteFile], folder: Path, progress: Progress) -> None:
    """Bring the files into `folder`; what is there already is kept, a broken one is continued where it ends."""
    total = sum(file.size for file in files)
    _check_room(folder, total)
    done = 0
    for file in files:
        target = folder / file.path
        for count in _fetch_one(file, target):
            progress(done + count, total)
        done += target.stat().st_size
    progress(done, total)


def _check_room(folder: Path, total: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    have = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if total - have > free:
        message = f"{total / 1e9:.1f} GB are too much for {folder}: {free / 1e9:.1f} GB are free"
        raise OutputError(message, hint="make room, or choose another --root")


def _fetch_one(file: RemoteFile, target: Path) -> Iterator[int]:
    """Bytes that are there, again and again until all are."""
    if target.is_file() and (not file.size or target.stat().st_size == file.size):
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    start = part.stat().st_size if part.is_file() else 0
    if not (file.size and start == file.size):
        with _opened(file.url, start=start) as answer:
            appended = start and answer.status == 206
            count = start if appended else 0
            with part.open("ab" if appended else "wb") as there:
                while chunk := answer.read(_CHUNK):
                    there.write(chunk)
                    count += len(chunk)
                    yield count
    if file.size and part.stat().st_size != file.size:
        raise ModelError(f"{file.path} broke off", hint="say the same again: it goes on where it ended", field="model")
    part.replace(target)


def _opened(url: str, method: str = "GET", start: int = 0) -> Any:
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
        hint = "its owner wants a login: accept the terms there and set HF_TOKEN" if login else "look at its spelling"
        raise ModelError(f"{url} answers {error.code} {error.reason}", hint=hint, field="model") from None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        hint = "look at the connection; say the same again and it goes on where it ended"
        raise ModelError(f"{url} cannot be reached: {reason}", hint=hint, field="model") from None
