"""The launch options, the init file and the root of InvokeAI 1.x and 2.x."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS
from invoke_cli.language.switches.legacy_launch import LEGACY_OPTIONS
from invoke_cli.language.switches.table import SWITCHES
from tests.frontends.program import Program

# The options of `ldm/invoke/args.py` in 2.3.5 and of `scripts/dream.py` in 1.14, with a value where they take one.
OPTIONS_OF_2_3_5 = """
--laion400m|--weights x|--version|-V|--root_dir root|--root root|--config root/configs/models.yaml
-c root/configs/models.yaml|-config root/configs/models.yaml|--model tiny|--weight_dirs a b|--png_compression 8|-z 8
-F|--full_precision|--max_loaded_models 2|--free_gpu_mem|--sequential_guidance|--xformers|--no-xformers
--always_use_cpu|--precision auto|--precision float32|--precision autocast|--precision float16|--ckpt_convert
--no-ckpt_convert|--internet|--no-internet|--nsfw_checker|--safety_checker|--no-nsfw_checker|--no-safety_checker
--autoimport x|--autoconvert x|--patchmatch|--no-patchmatch|--from_file lines.txt|--outdir out|-o out|--prompt_as_dir
-p|--fnformat {prefix}.png|-s 20|--steps 20|-W 64|--width 64|-H 64|--height 64|-C 7|--cfg_scale 7|--sampler k_lms
-A k_lms|-m k_lms|--log_tokenization|-t|-f 0.5|--strength 0.5|-T|-fit|--fit|--grid|-g|--no-grid
--embedding_directory root|--embedding_path root|--lora_directory root|--embeddings|--no-embeddings
--enable_image_debugging|--karras_max 29|--no_restore|--no_upscale|--esrgan_bg_tile 400|--esrgan_denoise_str 0.75
--gfpgan_model_path x.pth|--web|--web_develop|--web_verbose|--cors http://a|--host 0.0.0.0|--port 9090
--certfile x|--keyfile x|--gui
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
OPTIONS_OF_1_14 = """
--latent_diffusion|-l|--iterations 2|-n 2|--seamless|--gfpgan_bg_upsampler realesrgan|--gfpgan_bg_tile 400
--gfpgan_dir x|--device cpu|-d cpu|--conf root/configs/models.yaml|-conf root/configs/models.yaml|--help|-h
""".replace("\n", "|").strip("|").split("|")  # fmt: skip


@pytest.mark.feature("launch-2x")
@pytest.mark.parametrize("option", [*OPTIONS_OF_2_3_5, *OPTIONS_OF_1_14])
def test_every_launch_option_of_2x_works_or_names_its_replacement(program: Program, option: str) -> None:
    Path("lines.txt").write_text("# nothing\n", encoding="utf-8")
    words = option.split()
    row = next(row for row in LEGACY_OPTIONS if words[0].replace("-", "_") in [f.replace("-", "_") for f in row.flags])
    result = program(*words)
    assert result.status == (2 if row.instead else 0), result.err
    assert row.instead in result.err and row.remark in result.err
    assert "unknown" not in result.err and "did you mean" not in result.err


def test_an_option_marked_as_the_same_exists() -> None:
    own = {flag for switch in SWITCHES for flag in switch.flags} | {"--no_grid"}
    own |= {name for row in LAUNCH_OPTIONS for name in (row.name, *row.aliases)}
    assert {flag for row in LEGACY_OPTIONS if row.same for flag in row.flags} <= own


def test_translated_options_take_effect(program: Program) -> None:
    result = program("a cat", "-s2", "--always_use_cpu", "--full_precision", "--no-internet", "--free_gpu_mem")
    assert result.status == 0 and "--offload auto" in result.lines[0]
    assert program.engine is not None
    settings = program.engine.settings
    assert (settings.device, settings.precision, settings.offline) == ("cpu", "float32", True)


def test_the_letters_of_2x_hold_only_without_a_prompt(program: Program) -> None:
    assert "invoke " in program("-V").lines[0]
    assert program("a cat", "-V", "3:.2", "-s2", "-S1").status == 0
    assert "--config: no such file: missing.yaml" in program("-c", "missing.yaml", stdin=b"a cat\n").err
    program("a cat", "-s2", "-F")
    assert program.engine is not None and program.engine.settings.precision == "auto"
    program("-F", stdin=b"a cat -s2\n")
    assert program.engine.settings.precision == "float32"


def test_an_option_in_a_line_is_named_with_its_replacement(program: Program) -> None:
    assert "!gallery" in program("a cat --web").err
    assert "--offload auto" in program("a cat --free_gpu_mem").err
    assert "--model NAME" in program("--laion400m").err


@pytest.mark.parametrize(
    ("word", "near"), [("--presicion", "--precision"), ("--free_gpu_men", "--free_gpu_mem"), ("--zzz", "")]
)
def test_only_near_spellings_are_suggested(program: Program, word: str, near: str) -> None:
    error = program(word).err
    assert f"did you mean {near}?" in error if near else "did you mean" not in error


def _root_of_2x(folder: Path, init: str) -> Path:
    root = folder / "invokeai"
    root.mkdir()
    (root / "invokeai.init").write_text(init, encoding="utf-8")
    return root


@pytest.mark.feature("init-file-2x")
def test_an_invokeai_init_is_read_and_each_line_honoured_or_named(tmp_path: Path) -> None:
    root = _root_of_2x(
        tmp_path,
        '# comment\n--root="/elsewhere"\n\n--outdir="pictures"\n--embedding_path=embeddings\n--lora_directory loras2\n'
        "--precision=autocast --no-nsfw_checker\n--always_use_cpu -Ak_euler_a -C10.0 # mine\n--web --host=0.0.0.0\n"
        '--no-such-thing\n--steps "20\n--from_file x\n-m k_heun\n',
    )
    settings = Settings(SessionOptions(root=str(root)))
    assert settings.outdir() == str(root / "pictures")
    assert settings.paths.data_folders("embeddings") == (root / "embeddings",)
    assert settings.paths.data_folders("loras") == (root / "loras", root / "loras2")
    assert settings.init_options["device"] == "cpu" and settings.init_options["precision"] == "auto"
    assert (settings.init_request.scheduler, settings.init_request.guidance_scale) == ("k_heun", 10)
    first, *remarks = settings.init_remarks
    assert str(root / "invokeai.init") in first
    named = ("line 9: --web", "line 9: --host", "line 10 is not used", "line 11 is not used", "line 12: --from_file")
    assert all(name in remark for name, remark in zip(named, remarks, strict=True)), remarks


@pytest.mark.parametrize("content", [b"\xff\xfe-\0s\0", b"\0\0\0", b"--" * 40_000, b"'" * 9, b"-s 1e99\n-W -5\n--=\n"])
def test_a_damaged_invokeai_init_is_an_error_or_a_remark(program: Program, content: bytes) -> None:
    (program.folder / "root" / "invokeai.init").write_bytes(content)
    result = program("a cat", "-s2")
    assert "Traceback" not in result.err and "invokeai.init" in result.err


def test_invoke_init_wins_over_invokeai_init(program: Program) -> None:
    (program.folder / "root" / "invokeai.init").write_text("-s 2 -C 3\n", encoding="utf-8")
    (program.folder / "root" / "configs" / "invoke.init").write_text("-s 3\n", encoding="utf-8")
    assert " -s 3 " in program("a cat").lines[0] and " -C 3 " in program("a cat").lines[0]


def test_the_root_of_2x_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _root_of_2x(tmp_path, "-s 7\n")
    monkeypatch.delenv("INVOKE_ROOT", raising=False)
    monkeypatch.setenv("INVOKEAI_ROOT", str(root))
    assert Settings(SessionOptions()).paths.root == root
    monkeypatch.setenv("INVOKE_ROOT", str(tmp_path))
    assert Settings(SessionOptions()).paths.root == tmp_path


def test_an_unknown_option_beside_a_file_is_named(program: Program) -> None:
    Path("lines.txt").write_text("a cat\n", encoding="utf-8")
    result = program("--wibble", "--from_file", "lines.txt")
    assert result.status == 2 and "unknown switch: --wibble" in result.err
    assert "exclude each other" in program("a dog", "--from_file", "lines.txt").err


MASKED = "a tree -s 2 -S 3 -I pic.png -M mask.png -f .7 -W 64 -H 64"


@pytest.mark.feature("masks-2x")
@pytest.mark.parametrize("line", [MASKED, f"{MASKED} | oil -f .5"])
@pytest.mark.parametrize(
    ("init_file", "content", "launch", "share"),
    [
        ("configs/invoke.init", "", [], "75%"),
        ("configs/invoke.init", "", ["--compat", "2x"], "25%"),
        ("configs/invoke.init", "", ["--mask_polarity", "black"], "25%"),
        ("configs/invoke.init", "--compat 2x\n", [], "25%"),
        ("configs/invoke.init", "-s 3\n--compat=2x # masks\n", ["--mask_polarity", "white"], "75%"),
        ("invokeai.init", "--outdir=outputs\n--compat 2x\n", [], "25%"),
        ("invokeai.init", "--mask_polarity=black\n", [], "25%"),
    ],
)
def test_the_polarity_of_masks_is_set_for_good(
    program: Program, line: str, init_file: str, content: str, launch: list[str], share: str
) -> None:
    Image.new("RGB", (64, 64), "red").save("pic.png")
    mask = Image.new("L", (64, 64), 255)
    mask.paste(0, (0, 0, 16, 64))
    mask.save("mask.png")
    (program.folder / "root" / init_file).write_text(content, encoding="utf-8")
    result = program(*launch, "--from_file", "-", stdin=f"{line}\n!verify 1\n".encode())
    assert result.status == 0 and f"painting {share}" in result.err and "identical" in result.lines[-1]
    assert ("--mask_polarity black" in result.lines[0]) is (share == "25%")
    assert ("black areas are painted" in result.err) is ("compat" in f"{content}{launch}" and share == "25%")
