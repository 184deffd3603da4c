"""Prompt embeddings of weighted, blended and long prompts, compared with compel and the stock pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from invoke_cli.engine import Engine
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning, PromptSpec, read_tokens
from invoke_cli.engine.counters import Counters
from invoke_cli.engine.devices import choose_device
from invoke_cli.engine.loading.load import LoadedModel, load_model
from invoke_cli.errors import PlanError
from invoke_cli.events import Notice
from invoke_cli.language.prompt.ast import Tree
from invoke_cli.language.prompt.parser import parse_prompt
from tests.engine.jobs import Events, job_for, model_at
from tests.families.builders import Folder
from tests.prompt_strategies import trees

LONG = "a red boat, " * 12 + "a house. " + "trees and hills, " * 6


@pytest.fixture(scope="module")
def loaded(tiny_model: Path, real_engine: Engine) -> LoadedModel:
    from invoke_cli.engine import EngineSettings

    return load_model(model_at(tiny_model), choose_device(EngineSettings(device="cpu")), {})


def states(loaded: LoadedModel, source: str) -> torch.Tensor:
    with torch.no_grad():
        return Conditioning().encode(loaded, PromptSpec(tree=parse_prompt(source)), Counters()).states


def compel_for(pipeline: Any) -> Any:
    from compel import Compel

    return Compel(tokenizer=pipeline.tokenizer, text_encoder=pipeline.text_encoder, truncate_long_prompts=False)


SOURCES = [
    "astronaut++ in a jungle-",
    "(jungle)0.5, a cat",
    "a (big (red)1.5 boat)1.2 at sea",
    "a cat (dog)0",
    '"some words"++ here',
    '("a cat", "a dog+").blend(.3,.7)',
    '("a cat", "a dog").blend(1,-.5,no_normalize)',
    '("a cat", "a dog").and(1,.5)',
    f"{LONG} and a (castle)1.4",
    f'("{LONG}", "a cat").blend(.5,.5)',
]


@pytest.mark.feature("weights")
@pytest.mark.parametrize("source", SOURCES)
def test_weighted_prompts_equal_compel_s(loaded: LoadedModel, source: str) -> None:
    encoded, expected = states(loaded, source), compel_for(loaded.pipeline)(source)
    assert encoded.shape == expected.shape
    torch.testing.assert_close(encoded, expected, rtol=0, atol=1e-6)


def test_weights_scale_the_difference_from_the_empty_prompt(loaded: LoadedModel) -> None:
    """Above 1, the weighted tokens alone move away from "". Below 1, all move towards the prompt without them."""
    empty, plain, heavy = states(loaded, ""), states(loaded, "cat dog"), states(loaded, "(cat)1.5 dog")
    expected = plain.clone()
    expected[:, 1:4] = empty[:, 1:4] + (plain - empty)[:, 1:4] * 1.5
    torch.testing.assert_close(heavy, expected, rtol=0, atol=1e-6)
    blended = states(loaded, '("cat","dog").blend(1,3)')
    torch.testing.assert_close(blended, 0.25 * states(loaded, "cat") + 0.75 * states(loaded, "dog"))


@pytest.mark.parametrize("source", ["a (cat)1.0 here", "a cat here", '"a" (cat) (here)'])
def test_weight_1_is_exactly_the_plain_prompt(loaded: LoadedModel, source: str) -> None:
    text = source.replace("(cat)1.0", "cat")
    stock = loaded.pipeline.encode_prompt(text, "cpu", 1, False)[0]
    assert torch.equal(states(loaded, source), stock)


def test_images_equal_the_stock_pipeline_s_with_compel_s_embeddings(real_engine: Engine, tiny_model: Path) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline.set_progress_bar_config(disable=True)
    compel = compel_for(pipeline)
    for source, negative in (("a cat++ at sea", "(ugly)1.3"), (LONG, "ugly")):
        positive_embeds, negative_embeds = compel.pad_conditioning_tensors_to_same_length(
            [compel(source), compel(negative)]
        )
        expected = pipeline(
            prompt_embeds=positive_embeds,
            negative_prompt_embeds=negative_embeds,
            num_inference_steps=4,
            guidance_scale=5.0,
            generator=torch.Generator("cpu").manual_seed(5),
        ).images[0]
        job = job_for(f'{source} -s4 -C5 -S5 --neg "{negative}"', model_at(tiny_model))
        (result,) = real_engine.generate(job, Events().hooks())
        assert result.image.tobytes() == expected.tobytes()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees())
def test_random_prompt_trees_are_encoded(loaded: LoadedModel, tree: Tree) -> None:
    with torch.no_grad():
        found = Conditioning().encode(loaded, PromptSpec(tree=tree), Counters()).states
    assert found.shape[1] % 77 == 0 and bool(torch.isfinite(found).all())


def test_clip_skip_applies_to_weighted_prompts(loaded: LoadedModel) -> None:
    def skipped(source: str) -> torch.Tensor:
        with torch.no_grad():
            return Conditioning().encode(loaded, PromptSpec(tree=parse_prompt(source), clip_skip=1), Counters()).states

    plain, empty, heavy = skipped("cat dog"), skipped(""), skipped("(cat)1.5 dog")
    expected = plain.clone()
    expected[:, 1:4] = empty[:, 1:4] + (plain - empty)[:, 1:4] * 1.5
    torch.testing.assert_close(heavy, expected, rtol=0, atol=1e-6)
    assert not torch.equal(plain, states(loaded, "cat dog"))


def test_sdxl_weights_both_encoders_and_pools_the_plain_prompt(folder_of: Folder) -> None:
    from compel import Compel, ReturnedEmbeddingsType

    from invoke_cli.engine import EngineSettings

    loaded = load_model(model_at(folder_of("sdxl")), choose_device(EngineSettings(device="cpu")), {})
    pipeline = loaded.pipeline
    compel = Compel(
        tokenizer=[pipeline.tokenizer, pipeline.tokenizer_2],
        text_encoder=[pipeline.text_encoder, pipeline.text_encoder_2],
        returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
        requires_pooled=[False, True],
        truncate_long_prompts=False,
    )
    expected, _ = compel("a cat++ (here)0.7")
    with torch.no_grad():
        found = Conditioning().encode(loaded, PromptSpec(tree=parse_prompt("a cat++ (here)0.7")), Counters())
        words = pipeline.encode_prompt("a cat here", device="cpu", do_classifier_free_guidance=False)[2]
    torch.testing.assert_close(found.states, expected, rtol=0, atol=1e-6)
    assert found.pooled is not None and torch.equal(found.pooled, words)


def test_long_prompts_are_encoded_in_windows(real_engine: Engine, loaded: LoadedModel, tiny_model: Path) -> None:
    events = Events()
    list(real_engine.generate(job_for(f"{LONG}-s2", model_at(tiny_model)), events.hooks()))
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    tokens = read_tokens(loaded, LONG)
    assert f"{len(tokens.read)} tokens and is read in {len(tokens.windows)} parts" in notice
    assert sum(tokens.windows) == len(tokens.read) and max(tokens.windows) <= 75 and not tokens.cut


def test_the_notice_of_a_very_long_prompt_is_short(real_engine: Engine, tiny_model: Path) -> None:
    events = Events()
    list(real_engine.generate(job_for(f"{'very ' * 1000}-s2", model_at(tiny_model)), events.hooks()))
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice.count("+") == 8 and notice.endswith("+ …)")


def test_weights_are_rejected_by_families_without_them(folder_of: Folder) -> None:
    model = model_at(folder_of("pixart-sigma"))
    with pytest.raises(PlanError, match="does not support weights"):
        job_for("a cat++ -A flow_euler -s2", model)
