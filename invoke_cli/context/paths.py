"""Where things lie: the root with the user's own configuration, and what the package carries with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent.parent
MODELS_FILE = "models.yaml"
INIT_FILE = "invoke.init"
FOLDERS_FILE = "folders.yaml"
ALIASES_FILE = "aliases.yaml"
OUTPUTS = "outputs"
IN_PACKAGE = "{package}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """`root` is where the user's configuration is read and written; `config` replaces its models.yaml."""

    root: Path
    config: Path | None = None

    @property
    def user_configs(self) -> Path:
        """The folder of the user's own entries; only what lies here is ever written."""
        return self.root / "configs"

    @property
    def packaged_configs(self) -> Path:
        """The folder of the entries that come with the program: in the wheel, else beside the package."""
        inside = PACKAGE / "configs"
        return inside if inside.is_dir() else PACKAGE.parent / "configs"

    def model_layers(self) -> list[tuple[str, str]]:
        """(name, text) of each models.yaml, the user's last; ConfigError when `config` is not there."""
        packaged = self.packaged_configs / MODELS_FILE
        own = self.config or self.user_configs / MODELS_FILE
        if self.config is not None and not self.config.is_file():
            raise ConfigError(f"--config {self.config} is not there", hint="name a models.yaml")
        folders = self.user_configs / FOLDERS_FILE
        files = dict.fromkeys(path.resolve() for path in (packaged, folders, own))
        return [(str(path), read_text(path)) for path in files if path.is_file()]

    def init_text(self) -> str:
        """The user's invoke.init, empty when there is none."""
        path = self.user_configs / INIT_FILE
        return read_text(path) if path.is_file() else ""

    def model_folder(self, path: str) -> Path:
        """The folder that an entry's `path` means; relative ones start at the root."""
        filled = path.replace(IN_PACKAGE, str(PACKAGE)).replace("{root}", str(self.root))
        return self.root / expanded(filled)

    def beside(self, source: str, path: str) -> Path:
        """The place that `path` means in the file `source`: beside it where it is there, else as `model_folder`."""
        near = Path(source).parent / expanded(path)
        return near if source and is_there(near) else self.model_folder(path)


def find_paths(root: str | None, config: str | None, environment: Mapping[str, str], cwd: Path) -> Paths:
    """The root: as asked, else $INVOKE_ROOT, else the checkout one stands in, else the platform's config folder."""
    asked = root or environment.get("INVOKE_ROOT")
    return Paths(
        root=expanded(asked).absolute() if asked else _checkout(cwd) or _platform_root(),
        config=expanded(config) if config else None,
    )


def _checkout(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        if (folder / "invoke_cli" / "__main__.py").is_file() and (folder / "configs" / MODELS_FILE).is_file():
            return folder
    return None


def _platform_root() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir("invoke", appauthor=False))


def expanded(path: str) -> Path:
    """A path as typed, with `~` and `$VAR` filled in."""
    given = Path(os.path.expandvars(path))
    try:
        return given.expanduser()
    except RuntimeError:
        return given  # a user that is not known here: the name stands as it is, and is not found


def read_text(path: Path) -> str:
    """A configuration file's text; ConfigError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="mend it, or remove it") from None


def names_a_file(outdir: str) -> bool:
    """Whether `-o` names a file or standard output rather than a folder."""
    path = expanded(outdir)
    return outdir == "-" or (path.suffix.lower() == ".png" and not is_folder(path))


def folder_for(outdir: str) -> str:
    """The folder that goes with `-o`: itself, or the usual one where it names a file."""
    return OUTPUTS if names_a_file(outdir) else outdir


def is_file(path: Path) -> bool:
    """Whether a file is there; a path that the system cannot even look up is not."""
    return _looked_up(path.is_file)


def is_folder(path: Path) -> bool:
    """Whether a folder is there; a path that the system cannot even look up is not."""
    return _looked_up(path.is_dir)


def is_there(path: Path) -> bool:
    """Whether anything is there; a path that the system cannot even look up is not."""
    return _looked_up(path.exists)


def _looked_up(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except (OSError, ValueError):
        return False  # too long a name, for one
