"""onnxruntime sessions: devices, threads, and the manifest inside the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linguagen.models.errors import DeviceError, ModelFileError, UsageError
from linguagen.models.manifest import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, Manifest
from linguagen.runtime.cores import usable_cores

DEVICES = ("auto", "cpu", "cuda")
CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"


@dataclass(frozen=True)
class LoadedModel:
    """A model file ready to run."""

    session: Any
    """The onnxruntime.InferenceSession."""
    manifest: Manifest
    device: str
    """Where it runs: `cpu` or `cuda`."""


def load_model(path: Path, device: str, threads: int | None) -> LoadedModel:
    """Open a model file.

    Args:
        path: a file that lg-export wrote.
        device: `cpu`, `cuda`, or `auto` for CUDA where onnxruntime has it and CPU elsewhere.
        threads: CPU threads for one call; None for the cores this process may use.

    Raises:
        UsageError: `device` or `threads` is none of these.
        DeviceError: `cuda` was named and cannot be had.
        ModelFileError: the file is damaged, or is no LinguaGEN model.
    """
    import onnxruntime

    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}, expected 1 or more")
    provider = choose_provider(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=_with_fallback(provider))
    except Exception as error:  # onnxruntime's errors share no base class
        raise ModelFileError(
            f"{path}: onnxruntime cannot load it ({first_line(error)}); the file may be cut or damaged: "
            "export or copy it again"
        ) from error
    if provider not in session.get_providers():
        raise DeviceError(
            "the CUDA provider did not start (a CUDA or cuDNN library of the version that onnxruntime-gpu "
            "needs is missing, or no GPU is visible); install those libraries, or use device='cpu'"
        )
    return LoadedModel(session, _read_manifest(session, path), "cuda" if provider == CUDA_PROVIDER else "cpu")


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
    # The few operators that CUDA lacks run on the CPU provider; that is checked, not silent: see load_model.
    return [provider] if provider == CPU_PROVIDER else [provider, CPU_PROVIDER]


def _read_manifest(session: Any, path: Path) -> Manifest:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(f"{path}: an ONNX file without a LinguaGEN manifest; use a file that lg-export wrote")
    manifest = Manifest.from_json(text, str(path))
    found = [(item.name, item.shape[1:]) for item in (*session.get_inputs(), *session.get_outputs())]
    expected = [(INPUT_NAME, [manifest.input_dim]), (OUTPUT_NAME, [manifest.output_dim])]
    if found != expected:
        raise ModelFileError(
            f"{path}: its graph has inputs and outputs {found}, its manifest says {expected}; "
            "the file was edited: export it again"
        )
    return manifest


def first_line(error: Exception) -> str:
    """The first line of an error of onnxruntime's, which can run to pages."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
