"""`Dream` and `sd-metadata` of a grid, as InvokeAI 2.x wrote them: the settings of all of its images."""

from __future__ import annotations

import json
from collections.abc import Sequence

from invoke_cli.metadata.builder import json_object
from invoke_cli.metadata.codec import Chunks
from invoke_cli.metadata.formats.dream import KEYWORD as DREAM
from invoke_cli.metadata.formats.invokeai2 import SD_METADATA

_SHARED = ("model", "model_id", "model_hash", "app_id", "app_version")


def grid_chunks(images: Sequence[Chunks]) -> dict[str, str]:
    """Return the chunks of a grid from those of its images; empty if one of them has none."""
    documents = [json_object(chunks.get(SD_METADATA)) or {} for chunks in images]
    if not all(documents) or not images or DREAM not in images[0]:
        return {}
    parts = [document["image"] for document in documents]
    first = documents[0]
    line, hash_mark, comment = images[0][DREAM].partition(" # model_id=")
    noted = f"{hash_mark}{comment}"
    return {
        DREAM: f"{line} --grid{noted} # {[part['seed'] for part in parts]}",
        SD_METADATA: json.dumps({key: first.get(key) for key in _SHARED} | {"images": parts}),
    }
