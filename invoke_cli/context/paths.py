"""The paths of the program: the root with the user's configuration, and the files in the package."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from invoke_cli.context.hub_cache import hub_cache, latest_snapshot
from invoke_cli.context.init_files import INIT_FILE, LEGACY_INIT_FILE
from invoke_cli.errors import ConfigError
from invoke_cli.input_files import CONFIG, read_input_text
from invoke_cli.language.grammar.pasted_paths import is_escaped, may_be_pasted, pasted_forms
from invoke_cli.language.image_names import RESULT_SUFFIXES
from invoke_cli.models.legacy_entries import HUB

PACKAGE = Path(__file__).resolve().parent.parent
MODELS_FILE = "models.yaml"
FOLDERS_FILE = "folders.yaml"
ALIASES_FILE = "aliases.yaml"
OUTPUTS = "outputs"
MODELS = "models"
LORAS, EMBEDDINGS = "loras", "embeddings"
RECOMMENDED_FILE = "recommended.yaml"
IN_PACKAGE = "{package}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """The paths of a session.

    Attributes:
        root: The folder of the user's configuration.
        config: A file that replaces the user's models.yaml; or None.
        data: The folder of models, LoRAs, embeddings and wildcards, where it is not the root.
        added: Further folders by kind, such as `loras`.
    """

    root: Path
    config: Path | None = None
    data: Path | None = None
    added: Mapping[str, Path] = field(default_factory=dict)

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

    def legacy_init_text(self) -> str:
        """Return the text of the invokeai.init in a root of InvokeAI 2.x; empty if there is none."""
        path = self.root / LEGACY_INIT_FILE
        return read_text(path) if path.is_file() else ""

    @property
    def last_model_file(self) -> Path:
        """The file with the name of the model of the last `!switch`, as in a root of InvokeAI 2.x."""
        return (self.data or self.root) / ".last_model"

    def data_folders(self, name: str) -> tuple[Path, ...]:
        """Return the folders of this name: in the data folder, where new files go, in the root, and those added."""
        folders = [folder / name for folder in (self.data or self.root, self.root)]
        return tuple(dict.fromkeys([*folders, *(path for kind, path in self.added.items() if kind == name)]))

    def in_root(self, path: str) -> Path:
        """Resolve a path as typed, or else below the root, where InvokeAI 2.x looked for it."""
        typed = expand_path(path)
        return typed if path_exists(typed) else self.root / typed

    def model_folder(self, path: str) -> Path:
        """Resolve the `path` of an entry; relative paths start at the root, or else at the data folder."""
        if path.startswith(HUB):
            return self._hub_folder(path.removeprefix(HUB))
        filled = expand_path(path.replace(IN_PACKAGE, str(PACKAGE)).replace("{root}", str(self.root)))
        in_data = self.data / filled if self.data is not None else None
        return in_data if in_data is not None and path_exists(in_data) else self.root / filled

    def _hub_folder(self, path: str) -> Path:
        """Return the folder of a repository of Hugging Face or below it; InvokeAI 2.x kept them in the root."""
        owner, _, rest = path.partition("/")
        name, _, subfolder = rest.partition("/")
        caches = (hub_cache(), *(self.root / MODELS / folder for folder in ("hub", "diffusers", "")))
        repositories = [cache / f"models--{owner}--{name}" for cache in caches]
        found = next((snapshot for folder in repositories if (snapshot := latest_snapshot(folder))), repositories[0])
        return found / subfolder

    def resolve_near(self, source: str, path: str) -> Path:
        """Resolve a path in the file `source`: next to that file if it exists there, else like `model_folder`."""
        candidate = Path(source).parent / expand_path(path)
        return candidate if source and path_exists(candidate) else self.model_folder(path)


def find_paths(root: str | None, config: str | None, environment: Mapping[str, str], cwd: Path) -> Paths:
    """Find the paths of a session.

    The root is, in this order: the given one, $INVOKE_ROOT, $INVOKEAI_ROOT (of InvokeAI 2.x), the checkout that
    contains the working directory, or the configuration folder of the platform. Only in the last case models are in a
    folder of their own, the platform's data folder.

    Args:
        root: The root folder, if given at launch.
        config: The models.yaml, if given at launch.
        environment: The environment variables.
        cwd: The working directory.
    """
    requested = root or environment.get("INVOKE_ROOT") or environment.get("INVOKEAI_ROOT")
    own_root = expand_path(requested).absolute() if requested else _checkout(cwd)
    own_config = expand_path(config) if config else None
    if own_root is not None:
        paths = Paths(root=own_root, config=own_config)
        return replace(paths, config=paths.in_root(config)) if config and paths.in_root(config).is_file() else paths
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
