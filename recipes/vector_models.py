"""Train and export the four vector models that ship in models/shipped.

make models
"""

from recipes.commands import SHARED, options, run_command

TEACHERS = ("text-embedding-3-small", "text-embedding-ada-002")
SHAPES: dict[str, dict[str, object]] = {
    "": {"steps": 4000, "held_out": 0.05},
    "-512": {"dim": 512, "half": 1, "steps": 2000, "evaluate_every": 500, "held_out": 0.05},
}
"""Settings by what a model's name adds to its teacher's; docs/decisions/ says why."""


def main() -> None:
    """Make every model; each takes four to five minutes on two cores."""
    for teacher in TEACHERS:
        vectors = [SHARED / "vectors" / teacher / f"{part}.npy" for part in ("train", "train-2")]
        for suffix, settings in SHAPES.items():
            run, model = f"runs/{teacher}{suffix}", f"models/shipped/{teacher}{suffix}.onnx"
            run_command("lg-train", *vectors, "--teacher", teacher, "--out", run, *options(settings))
            run_command("lg-export", run, "--quantize", "int8", "--decoder", "--overwrite", "-o", model)


if __name__ == "__main__":
    main()
