"""What `lg-train` does for every kind: options that are no settings of a run, and a run started or resumed by them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from linguagen.models.errors import MissingExtraError, UsageError
from linguagen.runtime.console import progress, say
from linguagen.runtime.cores import usable_cores
from linguagen.train.run.folder import Config, RunFolder, free_run, latest_run
from linguagen.train.run.settings import RunSettings, check_least, setting

if TYPE_CHECKING:
    from linguagen.train.run.loop import Advance
    from linguagen.train.run.processes import Processes


@dataclass(frozen=True)
class RunOptions:
    """Options of a command that trains, next to the settings of the run."""

    out: Path | None = setting(None, "The run's folder; by default runs/NAME, named after the first input.")  # noqa: RUF009
    resume: bool = setting(False, "Continue from the last checkpoint of --out, or of the latest run.")
    threads: int | None = setting(None, "CPU threads; by default the cores that this process may use.")
    json: bool = setting(False, "Print the figures as JSON, for programs.")

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_least(self, 1, "threads")

    @classmethod
    def taken_from(cls, values: dict[str, Any]) -> "RunOptions":
        """These options out of a command's values, where the settings of the run are left."""
        return cls(**{item.name: values.pop(item.name) for item in fields(cls)})


@dataclass(frozen=True, eq=False)
class StartedRun(Generic[Config]):
    """A run that is about to train."""

    folder: RunFolder
    config: Config
    processes: "Processes"
    advance: "Advance"


def require_torch() -> None:
    """Refuse to train where torch or tensorboard is not installed.

    Raises:
        MissingExtraError: with the command that installs them.
    """
    try:
        import tensorboard  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        packages = ("torch", "tensorboard")
        raise MissingExtraError.of("training needs torch and tensorboard", error, *packages) from error


@contextmanager
def started(
    settings: type[Config],
    options: RunOptions,
    inputs: tuple[str, ...],
    typed: Mapping[str, Any],
    configure: Callable[[], Config],
) -> Iterator[StartedRun[Config]]:
    """Inside: a new run, or one that is resumed, with its settings written down and a progress bar.

    A new run whose first step was never taken leaves nothing.

    Args:
        settings: the class of the run's settings.
        options: as typed.
        inputs: the files that were named; empty for none.
        typed: the settings that were typed, by bare name.
        configure: makes a new run's settings.

    Raises:
        UsageError: a folder that holds a run, a value that is not allowed, or several processes for a kind of run
            that takes one.
        RunFolderError: nothing to resume, or other settings than the run was made with.
        DeviceError: the device is not there.
    """
    import torch

    from linguagen.train.run.loop import no_progress
    from linguagen.train.run.processes import joined

    device = typed.get("device", settings.device)
    if options.resume:
        device = RunFolder(options.out or latest_run()).read_config(settings).device
    torch.set_num_threads(options.threads or usable_cores())
    with joined(device) as processes:
        if settings.one_process and processes.count > 1:
            raise UsageError(
                f"{processes.count} processes were started, but a run of kind {settings.kind!r} takes one; "
                "leave torchrun out"
            )
        asked = {**typed, "inputs": inputs} if inputs else typed
        folder, config = processes.agree(partial(_opened, settings, options, asked, configure))
        if not processes.leader:
            yield StartedRun(folder, config, processes, no_progress)
            return
        with _begun(folder, config) as advance:
            say(f"run {folder.path}: {', '.join(config.inputs)} on {processes.device.type}")
            if config.logged:
                say(f"watch it: tensorboard --logdir {folder.path.parent}")
            yield StartedRun(folder, config, processes, advance)


@contextmanager
def _begun(folder: RunFolder, config: RunSettings) -> Iterator["Advance"]:
    """Inside: a progress bar, and a folder with the settings that is undone if an error comes before the first step."""
    taken = 0
    with folder.undone_before(lambda: taken > 0), progress("training", config.all_steps or None) as show:

        def advance(steps: int) -> None:
            """Count and show the steps just finished."""
            nonlocal taken
            taken += steps
            show(steps)

        folder.write_config(config)
        yield advance


def _opened(
    settings: type[Config], options: RunOptions, asked: Mapping[str, Any], configure: Callable[[], Config]
) -> tuple[RunFolder, Config]:
    """A new run's folder and settings, or an old run's, which what is asked for now must not contradict."""
    if options.resume:
        folder = RunFolder(options.out or latest_run())
        config = folder.read_config(settings)
        folder.require_resumable(config.flat(), asked)
        return folder, config
    config = configure()
    folder = RunFolder(options.out or free_run(Path(config.inputs[0]).name.split(".")[0] or "run"))
    folder.require_new()
    return folder, config
