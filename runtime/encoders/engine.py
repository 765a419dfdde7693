"""Engines: which one runs a model, and onnxruntime's sessions, devices and threads."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import DeviceError, ModelFileError, UsageError
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.native import has_library

ENGINES = ("auto", "c", "onnxruntime")
DEVICES = ("auto", "cpu", "cuda")
CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"


class Engine:
    """A model file's graph in onnxruntime, loaded at once or at first use. Threads can share one.

    It pickles as the file's bytes and its settings, so worker processes on other machines need no file; they load
    the graph when they first run it.
    """

    def __init__(
        self, data: bytes, origin: str, ends: Sequence[tuple[str, int | str]], device: str, threads: int | None
    ) -> None:
        """Keep what a session needs; `load` makes one.

        Args:
            data: bytes of a file that `linguagen.models.model_file` has read and checked.
            origin: the file's path, for messages.
            ends: name and width of the graph's input and then of its outputs, as the manifest has them; a width that
                differs from call to call has a name instead of a number.
            device: `cpu`, `cuda`, or `auto` for CUDA if onnxruntime has it and CPU otherwise.
            threads: CPU threads for one call; None for all cores that this process may use.
        """
        self._settings = (data, origin, tuple(ends), device, threads)
        self._input, self._output = ends[0][0], ends[1][0]
        self._session: Any = None
        self._loading = threading.Lock()
        self.device = device

    def load(self) -> None:
        """Load the graph into onnxruntime, unless this is done already.

        Raises:
            UsageError: the device is unknown.
            DeviceError: `cuda` was named but is not available.
            ModelFileError: onnxruntime cannot load the graph, or the graph is not what the manifest says.
        """
        with self._loading:
            if self._session is None:
                data, origin, ends, device, threads = self._settings
                session, self.device = open_session(data, origin, device, threads)
                _check_ends(session, ends, origin)
                self._session = session

    def run(self, rows: npt.NDArray[np.generic], output: str | None = None) -> Any:
        """Run the graph.

        Args:
            rows: the input (rows, width), contiguous and of the type that the graph takes.
            output: name of the output to compute; None for the first.

        Returns:
            The output (rows, its width).

        Raises:
            DeviceError: onnxruntime failed.
        """
        if self._session is None:
            self.load()
        try:
            if self.device == "cuda":
                return _run_bound(self._session, self._input, output or self._output, rows, "cuda")
            return self._session.run((output or self._output,), {self._input: rows})[0]
        except Exception as error:  # onnxruntime's errors share no base class
            raise DeviceError(
                f"the model failed on {self.device} with {len(rows)} rows ({first_line(error)}); "
                "if memory ran out, pass fewer rows at a time, or use device='cpu'"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["settings"])  # type: ignore[misc]


def check_engine(engine: str, device: str, threads: int | None) -> None:
    """Refuse an engine that cannot run a model on this installation.

    Args:
        engine: one of ENGINES.
        device: one of DEVICES.
        threads: CPU threads for one call; None for all cores.

    Raises:
        UsageError: the engine is unknown, `c` is asked to run on a GPU, or the number of threads is below 1.
        DeviceError: `c` was named, but the package was installed without the C library.
    """
    if engine not in ENGINES:
        raise UsageError(f"engine {engine!r} is not known; expected one of {', '.join(ENGINES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}, expected 1 or more")
    if engine == "c" and device == "cuda":
        raise UsageError("engine 'c' runs on the CPU, but device is 'cuda'; leave one of the two out")
    if engine == "c" and not has_library():
        raise DeviceError(
            "engine 'c' was asked for, but linguagen was installed without its C library; install it again where there "
            "is a C compiler, or use engine='onnxruntime'"
        )


T = TypeVar("T")


def open_c(make: Callable[[], T], engine: str) -> T | None:
    """A model in the C library, or None if it was not chosen by name and cannot be had.

    Args:
        make: opens the model.
        engine: `c` or `auto`.

    Raises:
        DeviceError: `c` was chosen, but this installation, which may be a worker's, has no C library.
        ModelFileError: `c` was chosen, but C cannot read the model.
    """
    check_engine(engine, "cpu", None)
    if not has_library():
        return None
    try:
        return make()
    except ModelFileError:
        if engine == "c":
            raise
        return None


def _run_bound(session: Any, input_: str, output: str, rows: npt.NDArray[np.generic], device: str) -> Any:
    """Run on rows (rows, width) with input and output bound to the device, so that each is copied once."""
    binding = session.io_binding()
    binding.bind_cpu_input(input_, rows)
    binding.bind_output(output, device)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()[0]


def open_session(data: bytes, origin: str, device: str, threads: int | None) -> tuple[Any, str]:
    """The onnxruntime session of a model file's bytes, and `cpu` or `cuda`; arguments and errors as in `Engine`."""
    import onnxruntime

    provider = choose_provider(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The few operators that CUDA lacks run on the CPU; that CUDA itself has started is checked below.
    providers = list(dict.fromkeys((provider, CPU_PROVIDER)))
    try:
        session = onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base class
        raise ModelFileError(
            f"{origin}: onnxruntime cannot load it ({first_line(error)}); the file may be damaged: "
            "export or copy it again"
        ) from error
    if provider not in session.get_providers():
        raise DeviceError(
            "the CUDA provider did not start (a CUDA or cuDNN library of the version that onnxruntime-gpu "
            "needs is missing, or no GPU is visible); install those libraries, or use device='cpu'"
        )
    return session, "cuda" if provider == CUDA_PROVIDER else "cpu"


def choose_provider(device: str, available: Sequence[str]) -> str:
    """The onnxruntime execution provider for a device name.

    Raises:
        UsageError: the name is unknown.
        DeviceError: `cuda` was named, but this onnxruntime has no CUDA provider.
    """
    if device not in DEVICES:
        raise UsageError(f"device {device!r} is not known; expected one of {', '.join(DEVICES)}")
    if device == "cuda" and CUDA_PROVIDER not in available:
        raise DeviceError(
            f"device 'cuda' was asked for, but this onnxruntime offers only {', '.join(available)}; "
            "replace onnxruntime with onnxruntime-gpu (pip uninstall onnxruntime; pip install onnxruntime-gpu), "
            "or use device='cpu'"
        )
    return CUDA_PROVIDER if device != "cpu" and CUDA_PROVIDER in available else CPU_PROVIDER


def _check_ends(session: Any, expected: Sequence[tuple[str, int | str]], origin: str) -> None:
    """Raise ModelFileError unless the session's inputs and outputs are those of the manifest."""
    found = [(item.name, *item.shape[-1:]) for item in (*session.get_inputs(), *session.get_outputs())]
    if found != list(expected):
        raise ModelFileError(
            f"{origin}: its graph has inputs and outputs {found}, its manifest says {list(expected)}; "
            "the file was edited: export it again"
        )


def first_line(error: Exception) -> str:
    """The first line of an error from onnxruntime, whose whole text can fill pages."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
