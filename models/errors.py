"""Every error that LinguaGEN raises on purpose.

::

    LinguaGenError
    ├── UsageError              the command or call cannot mean anything: exit 2
    │   ├── UnknownModelError   no such name in the catalogue, no such file
    │   └── MissingExtraError   an optional dependency is not installed
    ├── VectorError             the vectors cannot be used as they are
    │   └── VectorFileError     the file that should hold them cannot be read
    ├── OutputError             standard output, a pipe or a device is full or closed
    ├── TextError               the texts cannot be used as they are
    ├── RequestError            lg-run serve refuses a request, or its upstream failed
    ├── ModelFileError          the model file is cut, edited or of another format
    ├── IndexFileError          the file of an index is cut, edited, busy or of another model
    ├── DeviceError             the device asked for is not there
    ├── InterruptedRunError     Ctrl-C: what is done is kept, exit 130
    ├── RunFolderError          a training run is missing, unfinished or of other settings
    ├── TrainingError           training cannot start, or went wrong
    │   └── CollapseError       unrelated vectors came out alike
    └── ExportGateError         the exported file is not the trained encoder

A message says what was given, what was expected and what to do.
"""

from typing import Self


class LinguaGenError(Exception):
    """Base of every error here. `exit_code` is what a command returns when it ends with this error."""

    exit_code = 1


class UsageError(LinguaGenError):
    """The command or call cannot mean anything."""

    exit_code = 2


class UnknownModelError(UsageError):
    """Neither the name of a shipped model nor a file."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, need: str, problem: ImportError, *packages: str) -> Self:
        """The error with the command that installs what is missing.

        The command names the packages themselves, not an extra of this one: an index may have another project, or none,
        under this one's name.

        Args:
            need: what needs which packages, such as ".hdf5 needs h5py".
            problem: what importing them raised.
            packages: to install.
        """
        word = "it" if len(packages) == 1 else "them"
        return cls(f"{need} ({problem}); install {word}: pip install {' '.join(packages)}")


class VectorError(LinguaGenError, ValueError):
    """The vectors cannot be used as they are: shape, type, or values."""


class VectorFileError(VectorError):
    """The file that should hold vectors cannot be read or written."""


class OutputError(LinguaGenError):
    """Standard output, a pipe or a device that results go to is full or closed."""


class TextError(LinguaGenError, ValueError):
    """The texts cannot be used as they are: an empty one, no string, or a file that holds something else."""


class RequestError(LinguaGenError):
    """`lg-run serve` refuses a request, or its upstream failed; clients get it as OpenAI's API writes errors."""

    def __init__(self, message: str, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        """Make the error.

        Args:
            message: for the client.
            status: the answer's HTTP status.
            param: the field of the request that is wrong, if one is.
            code: a word for programs, such as `model_not_found`.
        """
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


class ModelFileError(LinguaGenError):
    """The model file is cut, edited, of another format version, or not a LinguaGEN model."""


class IndexFileError(LinguaGenError):
    """The file of an index is cut, edited, in use by another program, or made by another model."""


class DeviceError(LinguaGenError):
    """The device asked for by name is not there, or failed."""


class InterruptedRunError(LinguaGenError):
    """A person stopped the run; what is done is kept."""

    exit_code = 130


class RunFolderError(LinguaGenError):
    """A training run is missing, unfinished, or was made with other settings."""


class TrainingError(LinguaGenError):
    """Training cannot start on this input, or went wrong."""


class CollapseError(TrainingError):
    """The encoder maps unrelated vectors close together."""


class ExportGateError(LinguaGenError):
    """The exported file does not do what the trained encoder does."""
