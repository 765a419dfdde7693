"""The training step, and the loop of steps that every kind of run and every member takes."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from linguagen.models.errors import TrainingError
from linguagen.runtime.console import say
from linguagen.train.run.state import State
from linguagen.train.run.watch import Result, Watch

Terms = Mapping[str, Tensor]
"""Named loss terms, each a weighted scalar."""
Losses = Callable[[int], Terms]
"""From a step's number, counted from 0, to the loss terms of its batch."""
Advance = Callable[[int], None]
"""Told the number of steps just finished, for a progress bar."""

_TIMED_STEPS = 5
_STEPS_SHARE = 0.9
"""Share of the seconds left that steps and their validations may take; the rest is for what timing missed."""


def no_progress(steps: int) -> None:
    """An `Advance` that shows nothing."""


def run_steps(
    state: State,
    losses: Losses,
    steps: int,
    evaluate_every: int,
    watch: Watch[Result] | None = None,
    advance: Advance = no_progress,
) -> Result | None:
    """Take the steps that are left, with validations between them and after the last.

    Args:
        state: after any number of steps; changed in place.
        losses: gives a step's loss terms.
        steps: how many there are in all.
        evaluate_every: steps between validations.
        watch: validates; None in processes that do not lead.
        advance: told the number of steps just finished.

    Returns:
        What the last validation found; None if there was none.

    Raises:
        TrainingError: the loss is no longer finite, or has no terms.
    """
    advance(min(state.step, steps))
    result = None
    while state.step < steps:
        rate = float(state.schedule.get_last_lr()[0])
        terms = take_step(state, losses)
        advance(1)
        if watch is not None and (state.step % evaluate_every == 0 or state.step == steps):
            tracked = {f"loss/{name}": term.item() for name, term in terms.items()}
            result = watch.look({**tracked, "learning rate": rate})
    return result


def take_step(state: State, losses: Losses) -> Terms:
    """One step of the optimiser; returns the loss terms before it."""
    terms = losses(state.step)
    loss = _finite_sum(terms, state.step)
    state.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimiser.step()
    state.schedule.step()
    state.step += 1
    return terms


def _finite_sum(terms: Terms, step: int) -> Tensor:
    """The loss, a scalar.

    Raises:
        TrainingError: it is not finite, or has no terms.
    """
    if not terms:
        raise TrainingError("every loss term is off: give one a weight above 0, and the data that it needs")
    loss = torch.stack(list(terms.values())).sum()
    if not torch.isfinite(loss):
        raise TrainingError(f"the loss is {loss.item()} at step {step}; train with a smaller --learning-rate")
    return loss


def steps_within(
    seconds: float,
    losses: Losses,
    modules: Sequence[nn.Module],
    evaluate_every: int,
    validate: Callable[[], object],
    finish: Callable[[], object],
) -> int:
    """How many steps fit into this many seconds on this machine, at least 1; timing changes no weight.

    It says so if not one fits, since nothing else can be left out.

    Args:
        seconds: left for steps, validations and the final table; what timing them takes is taken off.
        losses: gives a step's loss terms, whose gradients are timed too.
        modules: whose gradients are cleared afterwards.
        evaluate_every: steps between validations.
        validate: does what a validation does.
        finish: does what is done after the last step.
    """
    began = time.monotonic()
    for step in range(_TIMED_STEPS):
        _finite_sum(losses(step), step).backward()  # type: ignore[no-untyped-call]
        for module in modules:
            module.zero_grad()
    stepped = time.monotonic()
    validate()
    validated = time.monotonic()
    finish()
    ended = time.monotonic()
    each, validation, end = (stepped - began) / _TIMED_STEPS, validated - stepped, ended - validated
    left = seconds - (ended - began) - validation - end
    steps = int(_STEPS_SHARE * left / (each + validation / evaluate_every))
    if steps < 1:
        say(
            f"start-up, preparation and the final table take about {each - left:.0f} s more than --seconds, and cannot "
            "be shortened: one step is taken; give more seconds, or fewer vectors"
        )
    return max(1, steps)
