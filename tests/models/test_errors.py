import inspect

from linguagen.models import errors


def test_the_tree_drawn_at_the_top_is_the_tree_of_classes():
    drawn = [line for line in errors.__doc__.splitlines() if "Error" in line and line.startswith("    ")]
    parents: list[str] = []
    pairs = {}
    for line in drawn:
        body = line[4:]
        depth = (len(body) - len(body.lstrip("│├└─ "))) // 4
        name = body.lstrip("│├└─ ").split()[0]
        parents[depth:] = [name]
        pairs[name] = parents[depth - 1] if depth else "Exception"
    classes = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    assert pairs == classes


def test_wrong_use_exits_2_and_failed_runs_1():
    assert errors.UnknownModelError.exit_code == errors.UsageError.exit_code == 2
    assert errors.VectorError.exit_code == errors.CollapseError.exit_code == 1
