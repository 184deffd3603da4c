"""The stages: their table, views, the loop that saves, pauses and resumes, and the whole at its smallest size."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray

from tests.training.synthetic_pictures import SyntheticSprites, write_package
from training.compositions.labels import class_counts
from training.compositions.random_compositions import NARROW, Blend
from training.networks.builders import Widths, build_autoencoder, build_unet
from training.networks.training_loop import TrainingRun
from training.pictures.sprites import ColouredSprites, Sprites
from training.pictures.things import things
from training.stages import training as whole
from training.stages.denoising import StageLearner
from training.stages.drawn_views import drawer, parallel_drawer
from training.stages.loop import Habits, StageRun, StoppedError, run_stage
from training.stages.plan import PLAN, Plan, SizeShare, Stage
from training.stages.publishing import write_model
from training.stages.start import adapted_unet
from training.stages.training import Places, latest_unet, resume
from training.stages.views import Half, ViewMaker, ViewPool
from training.text.appearance_training import main_components, rank_of
from training.text.label_training import LabelReader, build_tower, label_accuracy, label_batch, train_labels
from training.text.tokenizer import learn_merges, write_tokenizer

WIDTHS = Widths(autoencoder=(8, 8, 16, 16), unet=(16, 16, 32), text=32, text_layers=1)


class NumberedViews:
    """A maker of views whose latents hold the number of the view."""

    device = "cpu"

    def make(self, blend: Blend, size: tuple[int, int], seeds: list[tuple[int, int]]) -> tuple[Half, Half]:
        """Return constant latents and states for the seeds."""
        numbers: NDArray[np.float16] = np.array([number for _, number in seeds], dtype=np.float16)
        latents = np.broadcast_to(numbers[:, None, None, None], (len(seeds), 4, size[1] // 8, size[0] // 8))
        return latents.copy(), np.zeros((len(seeds), 77, 32), dtype=np.float16)


def stage(name: str = "tiny", steps: int = 4, size: int = 64) -> Stage:
    """Return a stage of a few steps of two views each."""
    return Stage(
        name=name,
        blend=NARROW,
        sizes=(SizeShare(size=(size, size), batch=2),),
        views=2 * steps,
        rate=1e-3,
        last_share=0.5,
        minutes=0,
        warm_up=1,
        decay=0.5,
        pool=8,
    )


def small_unet() -> UNet2DConditionModel:
    """Return a small denoiser, always the same."""
    torch.manual_seed(0)
    return build_unet(WIDTHS)


def learned(run: StageRun) -> StageLearner:
    """Return the learner of a run on numbered views."""
    return StageLearner(run.stage, run.unet, NumberedViews(), first=run.views)  # type: ignore[arg-type]


def run_to_end(work: Path, steps: int, stop_at: int | None = None) -> StageRun:
    """Run or resume a stage; terminate the process at a step."""
    run = StageRun(stage=stage(steps=steps), unet=small_unet(), work=work)
    run.resume()
    learner = learned(run)

    def learn(step: int) -> tuple[torch.Tensor, int]:
        if step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return learner.learn(step)

    run_stage(run, Habits(), learn, lambda: None)
    return run


def test_the_plan_takes_10_to_16_hours_and_ends_at_several_sizes() -> None:
    assert 10 * 60 <= sum(part.minutes for part in PLAN.stages) <= 16 * 60
    assert {size.size for size in PLAN.stages[-1].sizes} >= {(128, 128), (256, 256), (512, 512), (256, 384)}
    assert [part.name for part in PLAN.stages] == sorted(part.name for part in PLAN.stages)


def test_a_larger_batch_sees_the_same_views_in_fewer_steps() -> None:
    first, larger = PLAN.stages[0], PLAN.scaled(8).stages[0]
    assert larger.views == first.views and larger.sizes[0].batch == 8 * first.sizes[0].batch
    assert larger.steps == pytest.approx(first.steps / 8, rel=0.01)


def test_a_stopped_stage_goes_on_at_its_step_with_the_same_weights(tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match="step 3"):
        run_to_end(tmp_path, steps=6, stop_at=2)
    resumed = StageRun(stage=stage(steps=6), unet=small_unet(), work=tmp_path)
    resumed.resume()
    assert (resumed.step, resumed.views) == (3, 6)
    saved = {name: weight.clone() for name, weight in resumed.unet.state_dict().items()}
    assert any(not torch.equal(weight, saved[name]) for name, weight in small_unet().state_dict().items())
    assert run_to_end(tmp_path, steps=6).step == 6


def test_two_checkpoints_are_kept_and_a_damaged_one_is_skipped(tmp_path: Path) -> None:
    run = run_to_end(tmp_path, steps=2)
    run.save()
    run.path.write_bytes(b"cut off")
    again = StageRun(stage=stage(steps=2), unet=small_unet(), work=tmp_path)
    again.resume()
    assert again.step == 2
    assert sorted(path.name for path in run.path.parent.iterdir()) == ["tiny.previous.pt", "tiny.pt"]


def test_a_run_waits_while_the_file_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.stages.loop.PAUSE_POLL_S", 0.02)
    lock = tmp_path / "PAUSE"
    lock.touch()
    run = StageRun(stage=stage(steps=2), unet=small_unet(), work=tmp_path)
    timer = threading.Timer(0.4, lock.unlink)
    timer.start()
    started = time.monotonic()
    run_stage(run, Habits(pause_while=lock), learned(run).learn, lambda: None)
    assert time.monotonic() - started > 0.35 and run.step == 2 and run.path.exists()


def test_a_paused_run_can_be_terminated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.stages.loop.PAUSE_POLL_S", 0.02)
    lock = tmp_path / "PAUSE"
    lock.touch()
    run = StageRun(stage=stage(steps=3), unet=small_unet(), work=tmp_path)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(StoppedError):
        run_stage(run, Habits(pause_while=lock), learned(run).learn, lambda: None)
    assert lock.exists()


def test_samples_are_shown_at_the_end_of_a_stage(tmp_path: Path) -> None:
    run, shown = StageRun(stage=stage(), unet=small_unet(), work=tmp_path), []
    run_stage(run, Habits(), learned(run).learn, lambda: shown.append(run.step))
    assert shown == [run.settings.steps]


def test_a_pool_replaces_its_oldest_views_and_never_offers_an_empty_row() -> None:
    pool = ViewPool(maker=NumberedViews(), blend=NARROW, size=(64, 64), capacity=8, seed=1, number=100)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    for _ in range(6):
        latents, _ = pool.batch(rng, 4, fresh=3)
        assert latents.min() >= 100
    assert pool.number == 100 + 8 + 5 * 3
    assert set(pool.latents[:, 0, 0, 0].astype(int)) == set(range(pool.number - 8, pool.number))


def test_batches_come_in_all_sizes_of_a_stage() -> None:
    sizes = (SizeShare(size=(64, 64), batch=2), SizeShare(size=(96, 64), batch=3))
    learner = StageLearner(replace(stage(), sizes=sizes), small_unet(), NumberedViews())  # type: ignore[arg-type]
    assert {learner.learn(step)[1] for step in range(12)} == {2, 3}


def test_the_published_denoiser_is_taken_over_but_for_what_reads_text() -> None:
    own, wider = adapted_unet(128), adapted_unet(160)
    assert torch.equal(own.conv_in.weight, wider.conv_in.weight)
    reading = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    assert wider.state_dict()[reading].shape[1] == 160


def test_the_text_encoder_learns_labels_and_is_kept(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path / "tokenizer", learn_merges({"cat": 5, "dog": 5, "background": 9}, 40))
    torch.manual_seed(0)
    tower = build_tower(tokenizer, 32, 1)
    run = TrainingRun(name="labels", steps=3, rate=1e-3, warm_up=1)
    figures = train_labels(tower, tokenizer, run, tmp_path, captions=8)
    assert {"kind", "place", "look", "count"} <= set(figures)
    again = build_tower(tokenizer, 32, 1)
    assert train_labels(again, tokenizer, run, tmp_path, captions=8) == {}
    assert all(torch.equal(a, b) for a, b in zip(tower.parameters(), again.parameters(), strict=True))
    assert label_accuracy(LabelReader(tower, sum(class_counts())), tokenizer, seed=1, count=8).keys() == figures.keys()
    ids, ends, labels = label_batch(tokenizer, (1, 2), 4)
    assert ids.shape == (4, 77) and (ids[torch.arange(4), ends] == tokenizer.eos_token_id).all() and len(labels) == 4


def test_looks_are_told_apart_in_many_dimensions_and_details_count() -> None:
    torch.manual_seed(0)
    strong = torch.tensor([9.0, 3.0, 1.0, 1.0, 1.0])
    mixing = torch.linalg.qr(torch.randn(20, 20))[0][:5]
    latents = (torch.randn(200, 5) * strong @ mixing).view(200, 4, 1, 5)
    looks = main_components(latents, count=8)
    deviations = looks.std(dim=0)
    assert looks.shape == (200, 8) and deviations[5:].max() < 0.05
    assert float(deviations[0] / deviations[3]) == pytest.approx(3.0, rel=0.2)
    assert rank_of(looks.numpy()) >= 3 and rank_of(looks[:, :1].numpy()) == 1


@pytest.fixture
def tiny_plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Return a plan of a few steps, with small networks in the place of the published ones."""
    monkeypatch.setattr(whole, "adapted_unet", lambda _: small_unet())
    monkeypatch.setattr(whole, "published_autoencoder", lambda: build_autoencoder(WIDTHS).requires_grad_(False).eval())
    monkeypatch.setattr(
        whole,
        "stored_vocabulary",
        lambda folder, seed: write_tokenizer(folder, learn_merges({"cat": 5, "dog": 5, "background": 9}, 40)),
    )
    monkeypatch.setattr("training.stages.samples.SAMPLED_PROMPTS", ("a cat",))
    labels = TrainingRun(name="labels", steps=2, rate=1e-3, warm_up=1)
    stages = (stage("1-first", steps=2), stage("2-second", steps=2))
    looks = TrainingRun(name="looks", steps=1, rate=1e-3, warm_up=1)
    return Plan(labels=labels, looks=looks, captions=4, text_width=32, text_layers=1, stages=stages)


@pytest.mark.slow
def test_one_command_does_what_is_due_and_the_model_is_written(tmp_path: Path, tiny_plan: Plan) -> None:
    from training.earlier.export import load_pipeline

    write_package(tmp_path / "pictures", [thing.code for thing in things()])
    places = Places(pictures=tmp_path / "pictures", state=tmp_path / "state")
    resume(places, replace(tiny_plan, stages=tiny_plan.stages[:1]))
    assert latest_unet(places, tiny_plan)[1] == "1-first"
    trained = resume(places, tiny_plan)
    unet, name = latest_unet(places, tiny_plan)
    assert name == "2-second" and torch.equal(trained.conv_in.weight, unet.conv_in.weight)
    assert len(list((places.state / "samples").glob("*.png"))) == 2
    stage_name, size = write_model(places, tmp_path / "model", tiny_plan)
    assert stage_name == "2-second" and size > 100_000
    image = load_pipeline(tmp_path / "model")("a cat", num_inference_steps=1, width=64, height=64).images[0]
    assert image.size == (64, 64)


@pytest.mark.slow
def test_other_processes_draw_the_same_views(tmp_path: Path) -> None:
    write_package(tmp_path, [thing.code for thing in things()])
    seeds = [(1, 5), (1, 6)]
    there = parallel_drawer(tmp_path, 1)(NARROW, (64, 64), seeds)
    here = drawer(ColouredSprites(Sprites(tmp_path)))(NARROW, (64, 64), seeds)
    assert [caption for _, caption in there] == [caption for _, caption in here]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(there, here, strict=True))


def test_views_have_latents_and_states_of_the_size(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path, learn_merges({"cat": 5}, 10))
    maker = ViewMaker(
        sprites=ColouredSprites(SyntheticSprites()),
        vae=build_autoencoder(WIDTHS).eval(),
        tower=build_tower(tokenizer, 32, 1).eval(),
        tokenizer=tokenizer,
    )
    latents, states = maker.make(NARROW, (96, 64), [(1, 1), (1, 2), (1, 1)])
    assert latents.shape == (3, 4, 8, 12) and states.shape == (3, 77, 32)
    assert np.array_equal(latents[0], latents[2]) and not np.array_equal(latents[0], latents[1])
