"""What the width of the vectors decides about a new run, before their rows are read or its folder is made."""

from dataclasses import replace

from linguagen.models.errors import UsageError
from linguagen.models.model_file import load_manifest
from linguagen.runtime.console import say
from linguagen.runtime.reading.sources import STDIN, open_vectors
from linguagen.train.vectors.config import VectorRunConfig, check_dim


def with_width(config: VectorRunConfig, dim_typed: bool) -> VectorRunConfig:
    """The settings of a new run, fitted to the width of its first input.

    Embeddings have half the width of the vectors if no --dim was typed and the default is not narrower than they are.

    Args:
        config: the settings as typed, with defaults.
        dim_typed: True if --dim was typed.

    Raises:
        UsageError: no such file, standard input, vectors narrower than the embedding or of another width than --init.
        UnknownModelError, ModelFileError: the model of --init cannot be read.
        VectorError: the file does not hold vectors.
    """
    width, dim = _input_width(config), config.encoder.dim
    if config.init and (expected := load_manifest(config.init).input_dim) != width:
        raise UsageError(
            f"{config.inputs[0]} has vectors of width {width}, but --init {config.init} takes width {expected}; "
            "choose the model of the teacher that made these vectors"
        )
    if dim_typed or width > dim:
        check_dim(dim, width)
        return config
    half = max(1, width // 2)
    say(f"{config.inputs[0]} has vectors of width {width}: embeddings get {half} dimensions; choose others with --dim")
    return replace(config, encoder=replace(config.encoder, dim=half))


def _input_width(config: VectorRunConfig) -> int:
    """Numbers in a vector of the first input.

    Raises:
        UsageError: no such file, or standard input.
        VectorError: the file does not hold vectors.
    """
    if STDIN in config.inputs:
        raise UsageError("a run reads its vectors more than once, so standard input (-) cannot be one; name a file")
    return open_vectors(config.inputs[0], column=config.column or None).width
