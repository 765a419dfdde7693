"""The settings that the shapes of all encoders have in common, without torch, since the command line reads them."""

from dataclasses import dataclass

from linguagen.train.run.settings import check_choice, check_least, setting

DIRECTIONS = ("both", "forward", "backward", "none")


@dataclass(frozen=True)
class EncoderShape:
    """Shape of an encoder."""

    dim: int = setting(256, "Dimensions of an embedding.")
    hidden: int = setting(1, "Bilinear units per position, layer and direction.")
    layers: int = setting(1, "Bilinear GLU blocks in each direction.")
    directions: str = setting("both", "Which directions read the input: both, forward, backward or none.")

    def __post_init__(self) -> None:
        check_choice(self, DIRECTIONS, "directions")
        check_least(self, 1, "dim", "hidden", "layers")
