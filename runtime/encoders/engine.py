"""onnxruntime sessions: devices and threads."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import DeviceError, ModelFileError, UsageError
from linguagen.runtime.cores import usable_cores

DEVICES = ("auto", "cpu", "cuda")
CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"


class Engine:
    """A model file's graph in onnxruntime, started at once or at first use. Safe to share between threads.

    It pickles as the file's bytes and its settings, so that worker processes on other machines need no file; they
    start onnxruntime when they first run it.
    """

    def __init__(
        self, data: bytes, origin: str, ends: Sequence[tuple[str, int | str]], device: str, threads: int | None
    ) -> None:
        """Keep what a session needs; `start` makes one.

        Args:
            data: of a file that `read_model_file` or `read_decoder_file` has checked.
            origin: its path, for messages.
            ends: name and width of the graph's input and outputs, in this order, as its manifest has them; a width
                that differs from call to call by its name.
            device: `cpu`, `cuda`, or `auto` for CUDA where onnxruntime has it and CPU elsewhere.
            threads: CPU threads for one call; None for the cores this process may use.
        """
        self._settings = (data, origin, tuple(ends), device, threads)
        self._input, self._output = ends[0][0], ends[1][0]
        self._session: Any = None
        self._starting = threading.Lock()
        self.device = device

    def start(self) -> None:
        """Start onnxruntime, unless it runs already.

        Raises:
            UsageError: no such device, or fewer than one thread.
            DeviceError: `cuda` was named and cannot be had.
            ModelFileError: onnxruntime cannot load it, or the graph is not what the manifest says.
        """
        with self._starting:
            if self._session is None:
                data, origin, ends, device, threads = self._settings
                session, self.device = start_session(data, origin, device, threads)
                _check_ends(session, ends, origin)
                self._session = session

    def run(self, rows: npt.NDArray[np.generic], output: str | None = None) -> Any:
        """An output of the graph, the first by default, for its input (rows, width), of its type and contiguous.

        Raises:
            DeviceError: onnxruntime failed.
        """
        if self._session is None:
            self.start()
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


def _run_bound(session: Any, input_: str, output: str, rows: npt.NDArray[np.generic], device: str) -> Any:
    """Run with input and output bound: one copy each way, none between."""
    binding = session.io_binding()
    binding.bind_cpu_input(input_, rows)
    binding.bind_output(output, device)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()[0]


def start_session(data: bytes, origin: str, device: str, threads: int | None) -> tuple[Any, str]:
    """The InferenceSession of a model file's bytes, and where it runs; arguments and errors are Engine's."""
    import onnxruntime

    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}, expected 1 or more")
    provider = choose_provider(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(data, options, providers=_with_fallback(provider))
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
        UsageError: no such device name.
        DeviceError: `cuda` was named and this onnxruntime has no CUDA provider.
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


def _with_fallback(provider: str) -> list[str]:
    # The few operators that CUDA lacks run on the CPU provider; that is checked, not silent: see start_session.
    return [provider] if provider == CPU_PROVIDER else [provider, CPU_PROVIDER]


def _check_ends(session: Any, expected: Sequence[tuple[str, int | str]], origin: str) -> None:
    found = [(item.name, item.shape[-1]) for item in (*session.get_inputs(), *session.get_outputs())]
    if found != list(expected):
        raise ModelFileError(
            f"{origin}: its graph has inputs and outputs {found}, its manifest says {list(expected)}; "
            "the file was edited: export it again"
        )


def first_line(error: Exception) -> str:
    """The first line of an error of onnxruntime's, which can run to pages."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
