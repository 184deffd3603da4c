"""Folders whose weights are pickles: refused by name, and usable once they are converted as the refusal says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from invoke_cli.events import Failed
from invoke_cli.workshop.outcome import Outcome
from tests.house import House


def test_a_pickled_folder_is_refused_until_each_file_is_converted(
    real_house: House, tiny_model: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(tiny_model, tmp_path / "an old model")
    for path in old.rglob("*.safetensors"):
        name = "pytorch_model" if path.stem == "model" else path.stem
        torch.save(load_file(path), path.with_name(f"{name}.bin"))
        path.unlink()
    line = "a cat -s2 -S1 -W 64 -H 64"
    refused = 0
    while real_house.run(f'{line} -m "{old}"') is not Outcome.OK:
        refused += 1
        error = next(event.error for event in reversed(real_house.events) if isinstance(event, Failed))
        assert refused < 4 and "is a pickle, which can run code" in error.message
        convert = re.search(r"!convert_model .*?\.safetensors\"", error.hint)
        assert convert is not None and real_house.run(convert[0]) is Outcome.OK
    made, own = sorted(tmp_path.glob("outputs/*.png"))[-1], real_house.draw(line)[0]
    assert refused == 3 and np.array_equal(np.asarray(Image.open(made)), np.asarray(Image.open(own)))
