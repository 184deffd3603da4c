"""The example lines of InvokeAI 2.3.5's documentation and of its preflight files give the outcome of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Planned, Prefill
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, size

LINES_THAT_WORK = r"""
ashley judd riding a camel -n2 -s150
"there's a fly in my soup" -n6 -g
waterfall and rainbow -W640 -H480
waterfall and rainbow -I./vacation-photo.png -W640 -H480 --fit
waterfall and rainbow -I./vacation-photo.png -M./vacation-mask.png -W640 -H480 --fit
happy woman sitting under tree wearing broad hat and flowing garment -v0.2 -n6
watercolor of beautiful woman sitting under tree -v0.2 -n6 -S2878767194
a fantastic alien landscape -W 576 -H 512 -s 60 -A plms -C 7.5
tree on a hill with a river, nature photograph -I./vacation-photo.png -f 0.85
tree on a hill with a river, national geographic -I./vacation-photo.png -H512 -W512 --fit
tree on a hill -I ./vacation-photo.png -W512 -H512 -F
"fire" -s10 -W384 -H384 -S1592514025
"fire" -s10 -W384 -H384 -S1592514025 -I ./vacation-photo.png --strength 0.7
"man with cat on shoulder" -I./vacation-photo.png -M./transparent.png
a stream by a river -I ./transparent.png
"pond garden with lotus by claude monet" --seamless -s100 -n4
"pond garden with lotus by claude monet" --seamless --seamless_axes=x -s100 -n4
a cute child playing hopscotch -s50 -S -1
tabby cat:0.25 white duck:0.75 hybrid
a red car --steps 25 -C 9.8 --perlin 0.1 --fnformat {prompt}_steps.{steps}_cfg.{cfg_scale}_perlin.{perlin}.png
"a portrait of a beautiful young lady" -S 1950357039 -s 100 -C 20 -A k_euler_a --threshold 0 --perlin 0
"a portrait of a beautiful young lady" -S 1950357039 -s 100 -C 20 -A k_euler_a --threshold 5 --perlin 0.2
"stormy weather on a mountain top, goats grazing" -s100
"innovative packaging for a squid's dinner" -S137038382
a sunny day -Ak_euler_a -C7.5
this is a test prompt [not really] to make you understand [cool] how this works.
a tall thin man picking apricots+
a tall thin man picking (apricots)-
a tall thin man (picking apricots+)++
a tall thin man (picking (apricots)1.3)1.1
a tall thin man picking apricots [(ladder)0.01]
a tall thin man picking (apricots).attend(1.3)
a tall thin man picking apricots.attend(1.3)
("a tall thin man picking apricots", "a tall thin man picking pears").blend(1,1)
("a tall thin man picking apricots", "a tall thin man picking pears").blend(1,-1,no_normalize)
a tall thin man picking apricots:1 a tall thin man picking pears:1
a cat.swap(dog) playing with a ball in the forest
a (fluffy cat).swap(barking dog) playing with a ball in the forest
a ("fluffy, grey cat").swap("big, barking dog") playing with a ball in the forest
a cat.swap(dog, t_start=0.3, t_end=1.0) playing with a ball in the forest
a cat.swap() playing with a ball
a ().swap(cat) playing with a ball
blue sphere:0.25 red cube:0.75 hybrid
a \(keyword\) in text
prompt -n6 -S3357757885 -v0.2
"prompt"  -S3357757885 -V3647897225,0.1,1614299449,0.1
"prompt" -S3357757885 -V3647897225,0.1,1614299449,0.1 -v0.05 -n6
./outputs/Xena/000004.16425171.png: "a" -s50 -W512 -H512 -C7.5 -Ak_lms -V 3647897225:0.1,16425171:0.05 -S335775788
outputs/img-samples/000039.3498014304.png: "a cute child" -s50 -W512 -H512 -C7.5 -mk_lms -S3498014304
[946] outputs/img-samples/000024.801380492.png: "medusa with cobras" -s 50 -S 801380492 -W 512 -H 512 -C 20.0 -A k_lms
a photo of a forest at sunset -s 100 -W 64 -H 64 -I vacation-photo.png -f 0.4 -embiggen 2.5
a photo of a forest at sunset -s 100 -W 64 -H 64 -I vacation-photo.png -f 0.4 -embiggen 2.5 0.75 0.25
a photo of a forest -s 100 -W 64 -H 64 -I vacation-photo.png -f 0.4 -embiggen .5
a forest -s 20 -W 64 -H 64 -I vacation-photo.png -f 0.5 -embiggen 2 -embiggen_tiles 1 2 3
!fix ./vacation-photo.png -embiggen 2 -embiggen_tiles 1 2 3
!fix ./vacation-photo.png -embiggen 2 -embiggen_strength .3
!fix vacation-photo.png --outcrop top 128 right 64 bottom 64
!fix ./vacation-photo.png -D top 64
a cat -I vacation-photo.png --out_direction left 64
!fix vacation-photo.png --outcrop top 128 --new_prompt "family vacation"
!fix "vacation-photo.png" -s 50 -S 5 -W 512 -H 512 -C 7.5 -A k_lms -c top 64
!fix vacation-photo.png -s 50 -S 5 -W 512 -H 512 -C 7.5 -A k_lms -c top 64 bottom 64
"superman dancing" -U 2 0.6
!fetch outputs\*.png selected.txt
a cat --variation 0.2
a cat --sampler_name k_lms
!dream a cat -s5
banana sushi -Ak_lms -W640 -H480 -S42 -s20
banana sushi -Ak_lms -S42 -v0.2 -n3 -s20
banana sushi -Ak_lms -S42 -V1349749425:0.1,4145759947:0.1 -s20
banana sushi -Ak_heun -S42 -s5
banana sushi -Addim -S42 -s5
# roses and sunflowers
a coyote, award winning -s 50 -S 1234554321 -W 96 -H 64 -C 7.5 -I vacation-photo.png -A k_lms -M transparent.png -f 0.99
"""
# Lines that are rejected, with the word that names what to use instead.
REJECTED_LINES = r"""
a cat --variants 3 => -v 0.2 -n 5
a cat -x => no_normalize
a cat --skip_normalization => no_normalize
a cat --skip_normalize => no_normalize
a cat -I vacation-photo.png -r 0.5 => use -f
a cat -I vacation-photo.png --inpaint_replace => use -f
!fix vacation-photo.png -embiggen_tiles 1 2 3 => --embiggen 2
a forest -I vacation-photo.png -f 0.5 -embiggen_tiles 1 2 3 => --embiggen 2
a cat --use_mps_noise => remove it
a cat -h => !help
a cat -i => --no_grid
a cat --karras_max 29 => dpmpp_2m_k
a cat --init_color vacation-photo.png => --match_colors
a cat --force_outpaint => remove it
a cat --seam_size 96 => --mask_blur
a cat --tile_size 32 => automatically
!optimize x => !convert_model
!optimize_model x => !convert_model
!import_model no/such.ckpt => FOLDER
cat -s 5 on a mat => quotes
"""
# Lines that need weights which are not part of the program.
LINES_WITHOUT_WEIGHTS = r"""
banana sushi -Ak_lms -S42 -G1 -U 2 0.5 -s20
"superman dancing with a panda bear" -U 2 0.6 -G 0.4
!fix vacation-photo.png -G0.8 -U 2
a piece of cake -I vacation-photo.png -tm bagel 0.6
!mask ./vacation-photo.png -tm hair 0.5
"""


# Lines with words around switches that take one value, and the prompt; without one, 2.x rejected the line, too.
WORDS_AROUND_SWITCHES = r"""
cat -S 1 => cat
a white cat -S1 -s 5 => a white cat
-S 1 --prompt "more words" => more words
"a cat" -S 1 => a cat
a - cat -3d -S 1 => a - cat -3d
cat -S 1 more words =>
a cat -m name a prompt =>
a cat -A ddim in a hat =>
-S 1 more words =>
-S 1 --prompt more words =>
"a cat" on a mat -S 1 =>
a cat -S 1 on a mat -s 6 =>
a cat -U 2 on a mat =>
a cat -I vacation-photo.png on a mat =>
a cat --seamless on a mat =>
a cat -o pictures of cats =>
"""


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.fixture
def photo_session(fake_session: SessionHarness) -> SessionHarness:
    """A session with the pictures that the lines name."""
    photo = drawing().resize((96, 64))
    photo.save("vacation-photo.png")
    Image.new("L", (96, 64), 255).save("vacation-mask.png")
    holed = photo.convert("RGBA")
    holed.putalpha(Image.new("L", (96, 64), 0))
    holed.save("transparent.png")
    return fake_session


@pytest.mark.feature("lines-2x")
@pytest.mark.parametrize("plan", ["--dry_run", pytest.param("", marks=pytest.mark.slow)])
def test_the_example_lines_of_2_3_5_work(photo_session: SessionHarness, plan: str) -> None:
    photo_session.draw("a start -s 2")
    failed = {
        line: photo_session.errors
        for line in _lines(LINES_THAT_WORK)
        if photo_session.run(f"{line} {plan}" if not line.startswith("!") else line) != Outcome.OK
    }
    assert failed == {}


@pytest.mark.feature("lines-2x")
@pytest.mark.parametrize("case", _lines(REJECTED_LINES))
def test_what_is_not_supported_names_its_replacement(photo_session: SessionHarness, case: str) -> None:
    line, _, instead = case.partition(" => ")
    assert photo_session.run(line) is not Outcome.OK
    assert [instead for failed in photo_session.of(Failed) if instead in failed.error.hint] == [instead]


@pytest.mark.feature("lines-2x")
@pytest.mark.parametrize("case", _lines(WORDS_AROUND_SWITCHES))
def test_words_after_the_value_of_a_switch_are_no_prompt_as_in_2x(photo_session: SessionHarness, case: str) -> None:
    line, _, prompt = case.partition(" =>")
    outcome = photo_session.run(f"{line} --dry_run")
    if prompt:
        assert outcome is Outcome.OK and photo_session.of(Planned)[0].plan["prompt"] == prompt.strip()
    else:
        assert outcome is Outcome.UNREADABLE and "unexpected text" in photo_session.errors[0]
        assert "quotes" in photo_session.of(Failed)[0].error.hint


@pytest.mark.parametrize("line", _lines(LINES_WITHOUT_WEIGHTS))
def test_lines_that_need_weights_fail_for_them_alone(photo_session: SessionHarness, line: str) -> None:
    assert photo_session.run(line) is Outcome.FAILED
    assert "weights" in photo_session.errors[0] and "missing" in photo_session.errors[0]


def test_a_log_line_runs_with_and_without_its_number(photo_session: SessionHarness) -> None:
    line = 'outputs/000024.801380492.png: "medusa" -s 5 -S 8 -W 64 -H 64 -C 20.0 -I vacation-photo.png -A k_lms -f 0.75'
    first, second = photo_session.draw(line), photo_session.draw(f"[946] {line}")
    assert first[0].name.split(".")[1] == second[0].name.split(".")[1] == "8"


def test_an_outcrop_with_the_size_of_the_image_keeps_it(photo_session: SessionHarness) -> None:
    (path,) = photo_session.draw('!fix "vacation-photo.png" -s 5 -S 5 -W 96 -H 64 -C 7.5 -A k_lms -c top 64')
    assert size(path) == (96, 128) and not any("-W and -H" in text for text in photo_session.notices)
    (path,) = photo_session.draw("!fix vacation-photo.png -s 5 -W 512 -H 512 -c top 64")
    assert size(path) == (96, 128) and any("-W and -H" in text for text in photo_session.notices)


def test_an_outcrop_uses_the_new_prompt(photo_session: SessionHarness) -> None:
    photo_session.draw('!fix vacation-photo.png --outcrop top 64 --new_prompt "family vacation" -s 2')
    assert "family vacation" in photo_session.saved[0].line and "--new_prompt" not in photo_session.saved[0].line


def test_embiggen_with_an_init_image_takes_the_size_for_its_tiles(photo_session: SessionHarness) -> None:
    (path,) = photo_session.draw("a forest -s 5 -S 1 -W 128 -H 128 -I vacation-photo.png -f 0.4 -embiggen 2")
    assert size(path) == (192, 128)
    assert any("tiles of 128x128" in text for text in photo_session.notices)
    line = photo_session.saved[0].line
    assert photo_session.run(f"!verify {path.name}") is Outcome.OK, photo_session.events
    assert size(photo_session.draw(line)[0]) == (192, 128)


def test_all_documented_fields_name_a_file(photo_session: SessionHarness) -> None:
    template = "{prompt}_{perlin}_{threshold}_{sampler_name}_{upscale}_{gfpgan_strength}_{model}_{cfg_scale}.png"
    (path,) = photo_session.draw(f"a red car --steps 5 -C 9.8 --perlin 0.1 -A ddim --fnformat {template}")
    assert path.name == "a red car_0.1_0.0_ddim_None_0.0_tiny_9.8.png"
    photo_session.run("a cat --fnformat {nothing}.png")
    hint = photo_session.of(Failed)[0].error.hint
    assert all(name in hint for name in ("perlin", "threshold", "sampler_name", "upscale", "gfpgan_strength"))


def test_paths_with_backslashes_are_found(photo_session: SessionHarness) -> None:
    photo_session.draw("a cat -s2 -S1")
    Path("lists").mkdir()
    assert photo_session.run(r"!fetch outputs\*.png lists\selected.txt") is Outcome.OK
    assert Path("lists/selected.txt").is_file()
    assert photo_session.run(r"!replay lists\selected.txt") is Outcome.OK
    assert photo_session.run(r"!fetch outputs\000001.1.png") is Outcome.OK and photo_session.of(Prefill)


def test_a_replay_obeys_dry_run(photo_session: SessionHarness) -> None:
    (path,) = photo_session.draw("a cat -s2 -S1 --threshold 3")
    assert photo_session.run(f"!replay {path.name} --dry-run") is Outcome.OK
    assert not photo_session.saved
    assert [each for each in photo_session.of(Planned) if each.dry_run and "--threshold" in each.text]
    Path("lines.txt").write_text("# comment\na dog -s2\n!models\n", encoding="utf-8")
    assert photo_session.run("!replay lines.txt --dry_run") is Outcome.OK and not photo_session.saved
    assert photo_session.run(f"!replay {path.name} 7") is Outcome.FAILED


@pytest.mark.parametrize("command", ["!plan {}", "{} --dry_run"])
def test_a_plan_shows_every_effect_and_output(photo_session: SessionHarness, command: str) -> None:
    switches = "--threshold 3 --perlin .1 --seamless --h_symmetry_time_pct .3 -g --save_intermediates 2"
    photo_session.run(command.format(f"a cat -n2 {switches}"))
    text = photo_session.of(Planned)[0].text
    assert [word for word in switches.split() if word.startswith("--") and word not in text] == []
    assert "--grid" in text


@pytest.mark.parametrize("prompt", ["a cat.swap() on a chair", "a ().swap(red) boat", 'a "".swap(dog)', "cat.swap()"])
def test_a_swap_may_be_empty_on_one_side(real_session: SessionHarness, prompt: str) -> None:
    (path,) = real_session.draw(f"{prompt} -s2 -S1")
    assert real_session.run(f"!verify {path.name}") is Outcome.OK


def test_a_mask_in_the_metadata_of_2x_keeps_its_meaning(photo_session: SessionHarness) -> None:
    about = PngInfo()
    about.add_text(
        "Dream", "a cat -s 5 -S 1 -W 96 -H 64 -C 7.5 -I vacation-photo.png -M vacation-mask.png -A k_lms -f 0.5"
    )
    Image.new("RGB", (96, 64)).save("000001.1.png", pnginfo=about)
    assert photo_session.run("!fetch 000001.1.png") is Outcome.OK
    assert "--mask_polarity black" in photo_session.of(Prefill)[0].line
