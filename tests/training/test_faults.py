"""Steps that go wrong: no number, a spike, no memory. What was learned before them is never lost."""

from __future__ import annotations

import pytest
import torch

from textmill.errors import UserError
from textmill.progress import Progress
from textmill.training.batches import Batch, Part, cuts
from textmill.training.checkpoints import Checkpoints
from textmill.training.events import Spool
from textmill.training.loop import Plan, fit
from textmill.training.optimizers import adamw

PLAN = {
    "steps": 40, "batch": 8, "seed": 1, "learning_rate": 0.05, "warmup": 0.1, "decay": 0.5, "clip": 1.0,
    "log_every": 5, "validate_every": 20, "checkpoint_seconds": 1e9,
}  # fmt: skip


class Line:
    """Fit y = 2x + 1; `poison` maps a step to what its targets are multiplied by."""

    def __init__(self, folder, poison=None, most_rows=None, **plan):
        torch.manual_seed(3)
        self.model = torch.nn.Linear(1, 1)
        self.folder, self.poison, self.most_rows = folder, poison or {}, most_rows
        self.plan = Plan(**{**PLAN, **plan})
        self.computed = []

    def batch(self, step, rows):
        inputs = torch.randn(8, 1, generator=torch.Generator().manual_seed(step))
        targets = (2 * inputs + 1) * self.poison.get(step, 1.0)

        def part(cut):
            def loss():
                count = cut.stop - cut.start
                if self.most_rows is not None and count > self.most_rows:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
                self.computed.append(count)
                return (self.model(inputs[cut]) - targets[cut]).square().mean()

            return Part((cut.stop - cut.start) / 8, loss)

        return Batch(8, [part(cut) for cut in cuts(8, rows)], lambda: f"rows {step * 8} to {step * 8 + 7}")

    def fit(self):
        return fit(
            self.model, self.batch, lambda: {"loss": 0.0}, adamw(self.model, 0.05, 0.0), self.plan,
            Checkpoints("a", "b", self.folder), Spool("a", directory=self.folder), Progress("test"),
        )  # fmt: skip

    @property
    def weights(self):
        return [weight.item() for weight in self.model.parameters()]


@pytest.mark.parametrize(
    ("poison", "plan", "message"),
    [
        ({30: float("nan")}, {}, r"the loss became nan at step 31 of 40, which learns from rows 240 to 247"),
        ({30: 1e30}, {}, r"the loss became inf at step 31"),
        ({30: 40.0}, {"spike": 20.0}, r"the loss rose to .*times the usual .* at step 31"),
    ],
)
def test_a_fault_stops_the_run_names_the_rows_and_keeps_what_was_reached(tmp_path, poison, plan, message):
    run = Line(tmp_path, poison, **plan)
    with pytest.raises(UserError, match=message):
        run.fit()
    step, state, tensors = Checkpoints("a", "b", tmp_path).load()
    assert step == 30 and state["tokens"] == 240
    assert tensors["model/weight"].item() == run.weights[0] and all(map(torch.isfinite, tensors.values()))


def test_a_stopped_run_goes_on_past_the_fault_when_told_to_skip(tmp_path, capsys):
    with pytest.raises(UserError):
        Line(tmp_path / "one", {30: float("nan")}).fit()
    resumed = Line(tmp_path / "one", {30: float("nan")}, skip_faults=True)
    straight = Line(tmp_path / "two", {30: float("nan")}, skip_faults=True)
    run = resumed.fit()
    assert run == straight.fit() and run.skipped == [31]
    assert resumed.weights == straight.weights and run.curve[-1]["loss"] < run.curve[0]["loss"]
    assert "step 31 of 40, which learns from rows 240 to 247: skipped" in capsys.readouterr().err


def test_a_run_of_nothing_but_faults_stops(tmp_path):
    run = Line(tmp_path, dict.fromkeys(range(5, 40), float("nan")), skip_faults=True)
    with pytest.raises(UserError, match="21 steps were left out"):
        run.fit()


def test_early_steep_losses_are_no_spikes(tmp_path):
    assert Line(tmp_path, {3: 50.0}, spike=2.0).fit().skipped == []


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_parts_of_a_batch_add_up_to_the_batch(tmp_path, rows):
    whole, parts = Line(tmp_path / "whole"), Line(tmp_path / "parts", rows=rows)
    losses = [point["loss"] for point in whole.fit().curve]
    assert [point["loss"] for point in parts.fit().curve] == pytest.approx(losses, rel=1e-5)
    assert parts.weights == pytest.approx(whole.weights, abs=1e-5)
    assert max(parts.computed) == rows


def test_out_of_memory_halves_the_rows_at_once_and_not_the_batch(tmp_path, capsys):
    whole, small = Line(tmp_path / "whole"), Line(tmp_path / "small", most_rows=2)
    whole.fit()
    run = small.fit()
    assert run.rows == 2 and set(small.computed) == {2} and run.tokens == 40 * 8
    assert small.weights == pytest.approx(whole.weights, abs=1e-5)
    said = capsys.readouterr().err
    assert "4 rows are computed at a time instead of 8" in said and "still learns from 8" in said


def test_one_row_too_large_for_memory_is_an_error_and_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(UserError, match="out of memory at step 1 with one row at a time"):
        Line(tmp_path / "a", most_rows=0).fit()
    broken = Line(tmp_path / "b")
    broken.batch = lambda step, rows: Batch(1, [Part(1.0, lambda: torch.zeros(2) @ torch.zeros(3))], str)
    with pytest.raises(RuntimeError, match="size"):
        broken.fit()


def test_the_average_is_what_is_kept_and_follows_its_recurrence(tmp_path):
    history = []

    class Watched(Line):
        def batch(self, step, rows):
            history.append(self.weights)
            return super().batch(step, rows)

    averaged, plain = Watched(tmp_path / "a", average=0.9), Line(tmp_path / "b")
    averaged.fit()
    plain.fit()
    expected = history[0]
    for step, weights in enumerate([*history[1:], plain.weights]):
        decay = min(0.9, (1 + step) / (10 + step))
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, weights, strict=True)]
    assert averaged.weights == pytest.approx(expected, abs=1e-5) and averaged.weights != plain.weights


def test_cosine_rises_then_falls_to_nothing():
    plan = Plan(**{**PLAN, "steps": 100, "schedule": "cosine"})
    factors = [plan.factor(step) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert factors[9:] == sorted(factors[9:], reverse=True) and factors[54] == pytest.approx(0.5, abs=0.02)
    assert 0 < factors[-1] < 0.01
