"""Generate the reference, the features, the man page and the library's keywords from tables and markers: `make docs`.

`pages` returns every generated file; a test compares them with the files in the repository.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from docs.api_keywords import keywords_module
from docs.features_page import features_page, problems
from docs.invokeai2_page import invokeai2_page
from docs.man_page import man_page
from docs.markdown import page
from docs.reference_pages import (
    commands_page,
    exit_status_page,
    families_page,
    json_events_page,
    keys_page,
    launch_options_page,
    metadata_page,
    samplers_page,
    switches_page,
)

DOCS = Path(__file__).parent


def pages() -> Mapping[str, str]:
    """Return the text of each generated file, by its path below `docs/`."""
    reference = {
        "switches": switches_page(),
        "commands": commands_page(),
        "launch-options": launch_options_page(),
        "keys": keys_page(),
        "samplers": samplers_page(),
        "families": families_page(),
        "metadata": metadata_page(),
        "json-events": json_events_page(),
        "invokeai-2x": invokeai2_page(),
        "exit-status": exit_status_page(),
    }
    return {
        **{f"reference/{name}.md": page(text) for name, text in reference.items()},
        "features.md": page(features_page()),
        "invoke.1": man_page(),
        "../invoke_cli/api/keywords.py": keywords_module(),
        "invoke-cli.1": ".so man1/invoke.1\n",
    }


def write_pages(folder: Path = DOCS) -> None:
    """Write all generated files below `folder`."""
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages()
    if found := problems():
        sys.exit("\n".join(found))
