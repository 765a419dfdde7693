import time

import pytest
import torch
from torch import nn

from linguagen.models.errors import TrainingError
from linguagen.train.run.loop import run_steps, steps_within
from linguagen.train.run.state import State, Stopwatch


@pytest.fixture
def state() -> State:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    return State.start(model, nn.Module(), torch.optim.SGD(model.parameters(), 0.1), 10, Stopwatch())


def losses_of(state):
    return lambda step: {"square": state.model(torch.ones(1, 3)).square().sum()}


def test_steps_lower_the_loss_and_are_told(state):
    told = []
    before = losses_of(state)(0)["square"].item()
    assert run_steps(state, losses_of(state), 10, 3, advance=told.append) is None  # nothing watches
    assert (state.step, sum(told)) == (10, 10)
    assert losses_of(state)(0)["square"].item() < before


def test_a_loss_without_terms_or_not_finite_is_refused(state):
    with pytest.raises(TrainingError, match="every loss term is off: give one a weight above 0"):
        run_steps(state, lambda step: {}, 10, 3)
    with pytest.raises(TrainingError, match="the loss is nan at step 0; train with a smaller --learning-rate"):
        run_steps(state, lambda step: {"a": torch.tensor(float("nan"))}, 10, 3)


def test_timing_changes_no_weight(state):
    before = {name: weight.clone() for name, weight in state.model.state_dict().items()}
    nothing = (10, lambda: None, lambda: None)
    assert steps_within(1e-9, losses_of(state), [state.model], *nothing) == 1
    assert steps_within(60, losses_of(state), [state.model], *nothing) > 100
    assert all(torch.equal(weight, before[name]) for name, weight in state.model.state_dict().items())
    assert all(weight.grad is None for weight in state.model.parameters())


def test_validations_and_the_final_table_count_among_the_seconds(state, capsys):
    def slow() -> None:
        time.sleep(0.05)

    def quick() -> None:
        pass

    rare = steps_within(2, losses_of(state), [state.model], 1000, slow, quick)
    often = steps_within(2, losses_of(state), [state.model], 10, slow, quick)
    assert often < 2 / 0.05 * 10 < rare
    assert capsys.readouterr().err == ""
    assert steps_within(0.09, losses_of(state), [state.model], 10, quick, slow) == 1  # timed once, done once more
    said = capsys.readouterr().err
    assert said.startswith(
        "start-up, preparation and the final table take about 0 s more than --seconds, and cannot be"
    )
