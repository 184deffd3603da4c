"""The paths of the program: the root with the user's configuration, and the files in the package."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.errors import ConfigError
from invoke_cli.input_files import CONFIG, read_input_text
from invoke_cli.language.grammar.pasted_paths import is_escaped, may_be_pasted, pasted_forms
from invoke_cli.language.image_names import RESULT_SUFFIXES

PACKAGE = Path(__file__).resolve().parent.parent
MODELS_FILE = "models.yaml"
INIT_FILE = "invoke.init"
FOLDERS_FILE = "folders.yaml"
ALIASES_FILE = "aliases.yaml"
OUTPUTS = "outputs"
MODELS = "models"
RECOMMENDED_FILE = "recommended.yaml"
IN_PACKAGE = "{package}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """The paths of a session.

    Attributes:
        root: The folder of the user's configuration.
        config: A file that replaces the user's models.yaml; or None.
        data: The folder of models, LoRAs, embeddings and wildcards, where it is not the root.
    """

    root: Path
    config: Path | None = None
    data: Path | None = None

    @property
    def user_configs(self) -> Path:
        """The folder of the user's own configuration files, the only ones that are ever written."""
        return self.root / "configs"

    @property
    def packaged_configs(self) -> Path:
        """The folder of the packaged configuration files: in the wheel, or next to the package in a checkout."""
        packaged = PACKAGE / "configs"
        return packaged if packaged.is_dir() else PACKAGE.parent / "configs"

    def model_layers(self) -> list[tuple[str, str]]:
        """Return name and text of each models.yaml, the user's last. Raises ConfigError if `config` does not exist."""
        packaged = self.packaged_configs / MODELS_FILE
        own_file = self.config or self.user_configs / MODELS_FILE
        if self.config is not None and not self.config.is_file():
            raise ConfigError(f"--config: no such file: {self.config}", hint="choose a models.yaml")
        folders = self.user_configs / FOLDERS_FILE
        files = dict.fromkeys(path.resolve() for path in (packaged, folders, own_file))
        return [(str(path), read_text(path)) for path in files if path.is_file()]

    def init_text(self) -> str:
        """Return the text of the user's invoke.init; empty if there is none."""
        path = self.user_configs / INIT_FILE
        return read_text(path) if path.is_file() else ""

    def data_folders(self, name: str) -> tuple[Path, ...]:
        """Return the folders of this name: in the data folder, where new files go, and in the root, if it differs."""
        return tuple(dict.fromkeys(folder / name for folder in (self.data or self.root, self.root)))

    def model_folder(self, path: str) -> Path:
        """Resolve the `path` of an entry; relative paths start at the root, or else at the data folder."""
        filled = expand_path(path.replace(IN_PACKAGE, str(PACKAGE)).replace("{root}", str(self.root)))
        in_data = self.data / filled if self.data is not None else None
        return in_data if in_data is not None and path_exists(in_data) else self.root / filled

    def resolve_near(self, source: str, path: str) -> Path:
        """Resolve a path in the file `source`: next to that file if it exists there, else like `model_folder`."""
        candidate = Path(source).parent / expand_path(path)
        return candidate if source and path_exists(candidate) else self.model_folder(path)


def find_paths(root: str | None, config: str | None, environment: Mapping[str, str], cwd: Path) -> Paths:
    """Find the paths of a session.

    The root is, in this order: the given one, $INVOKE_ROOT, the checkout that contains the working directory, or the
    configuration folder of the platform. Only in the last case models are in a folder of their own, the platform's
    data folder.

    Args:
        root: The root folder, if given at launch.
        config: The models.yaml, if given at launch.
        environment: The environment variables.
        cwd: The working directory.
    """
    requested = root or environment.get("INVOKE_ROOT")
    own_root = expand_path(requested).absolute() if requested else _checkout(cwd)
    own_config = expand_path(config) if config else None
    if own_root is not None:
        return Paths(root=own_root, config=own_config)
    import platformdirs

    return Paths(
        root=Path(platformdirs.user_config_dir("invoke", appauthor=False)),
        config=own_config,
        data=Path(platformdirs.user_data_dir("invoke", appauthor=False)),
    )


def _checkout(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        if (folder / "invoke_cli" / "__main__.py").is_file() and (folder / "configs" / MODELS_FILE).is_file():
            return folder
    return None


def expand_path(path: str) -> Path:
    """Return a typed or pasted path: as typed if that exists, else as a terminal or file manager means it.

    `~` and `$VAR` are expanded. Pasted paths may have escaped blanks and brackets, quotes, or be `file:` addresses.
    """
    typed = _expanded(path)
    if not may_be_pasted(path) or path_exists(typed):
        return typed
    forms = [_expanded(form) for form in pasted_forms(path)]
    found = next(filter(path_exists, forms), None)
    return found or (forms[0] if forms and is_escaped(path) else typed)


def _expanded(path: str) -> Path:
    if "$" in path and path_exists(Path(path)):
        return Path(path)
    typed = Path(os.path.expandvars(path))
    try:
        return typed.expanduser()
    except RuntimeError:
        return typed  # unknown user: keep the name, which is then not found


def read_text(path: Path) -> str:
    """Read a configuration file. Raises ConfigError if it cannot be read."""
    try:
        return read_input_text(path, CONFIG)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="correct the file, or remove it") from None


def names_a_file(outdir: str) -> bool:
    """Return whether `-o` names a file or standard output rather than a folder."""
    path = expand_path(outdir)
    return outdir == "-" or (path.suffix.lower() in RESULT_SUFFIXES and not is_folder(path))


def output_folder_for(outdir: str) -> str:
    """Return the output folder for a value of `-o`: the default one if it names a file."""
    return OUTPUTS if names_a_file(outdir) else outdir


def is_file(path: Path) -> bool:
    """Return whether a file exists; False for a path that the system cannot look up."""
    return _can_confirm(path.is_file)


def is_folder(path: Path) -> bool:
    """Return whether a folder exists; False for a path that the system cannot look up."""
    return _can_confirm(path.is_dir)


def is_link(path: Path) -> bool:
    """Return whether a symbolic link exists, whatever it points to."""
    return _can_confirm(path.is_symlink)


def path_exists(path: Path) -> bool:
    """Return whether a path exists; False for a path that the system cannot look up."""
    return _can_confirm(path.exists)


def _can_confirm(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (OSError, ValueError):
        return False  # for example a name that is too long
