"""List and download the files of a repository on Hugging Face, in a process of its own.

The engine's process has the Hub disabled for good (HF_HUB_OFFLINE is read when huggingface_hub is imported). The first
line on stdin is the request as JSON; every line on stdout is a JSON object: `done` (bytes), `result`, or `error` and
`hint`. huggingface_hub provides the cache, the login, the parallel transfer and the endpoint.
"""

from __future__ import annotations

import json
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from invoke_cli.input_files import MODEL_CONFIG, file_sha256, read_input_text

_POLL_SECONDS = 0.5
_LOGIN = "run hf auth login, or set HF_TOKEN"


def main() -> int:
    """Answer the request on stdin. Returns the exit status."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    request = json.loads(sys.stdin.readline())
    repo = request["repo"]
    try:
        _send(result=_list(repo) if request["action"] == "list" else _fetch(request))
    except GatedRepoError:
        _send(error=f"{repo} is gated", hint=f"accept its terms at its page on Hugging Face, then {_LOGIN}")
    except RepositoryNotFoundError:
        _send(error=f"there is no repository {repo}", hint=f"check the spelling; for a private one, {_LOGIN}")
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError, *_connection_errors()) as error:  # type: ignore[misc]  # the library that is installed
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        _send(error=f"cannot download {repo}: {reason}", hint="check the connection; the same command resumes")
    else:
        return 0
    return 1


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return the base errors of the HTTP libraries that versions of huggingface_hub use."""
    return tuple(import_module(name).HTTPError for name in ("httpx2", "httpx") if find_spec(name) is not None)


def _send(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _list(repo: str) -> dict[str, Any]:
    """Return the revision, the files with size and SHA-256, and the components that model_index.json names."""
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi().model_info(repo, files_metadata=True)
    files = [
        {"path": each.rfilename, "size": each.size or 0, "sha256": each.lfs.sha256 if each.lfs else ""}
        for each in info.siblings or ()
    ]
    components: list[str] = []
    if any(file["path"] == "model_index.json" for file in files):
        downloaded = hf_hub_download(repo, "model_index.json", revision=info.sha)
        index = json.loads(read_input_text(Path(downloaded), MODEL_CONFIG))
        components = [name for name, entry in index.items() if isinstance(entry, list) and entry[0]]
    return {"revision": info.sha, "files": files, "components": components}


def _fetch(request: dict[str, Any]) -> str:
    """Download the files of a request to the cache and return the folder of the snapshot."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE

    blobs = Path(HF_HUB_CACHE) / f"models--{request['repo'].replace('/', '--')}" / "blobs"
    before, finished = _size_of(blobs), threading.Event()
    reporter = threading.Thread(target=_report, args=(blobs, before, finished), daemon=True)
    reporter.start()
    try:
        paths = [file["path"] for file in request["files"]]
        folder = Path(snapshot_download(request["repo"], revision=request["revision"], allow_patterns=paths))
    finally:
        finished.set()
        reporter.join()
    for file in request["files"]:
        _verify(folder / file["path"], file["sha256"])
    return str(folder)


def _report(blobs: Path, before: int, finished: threading.Event) -> None:
    """Report the bytes that were added to the cache, until the download is finished."""
    while not finished.wait(_POLL_SECONDS):
        _send(done=_size_of(blobs) - before)


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # renamed when it was complete
            continue
    return total


def _verify(path: Path, sha256: str) -> None:
    """Compare a file with its checksum. A damaged file is removed, so that the next attempt downloads it again."""
    if not sha256:
        return
    if file_sha256(path).hex() != sha256:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise ValueError(f"{path.name} is damaged: its checksum differs from the published one")


if __name__ == "__main__":
    sys.exit(main())
