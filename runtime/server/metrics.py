"""What a server counts, in the text format of Prometheus."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of seconds."""


class Metrics:
    """Counts of answers by path and status, of texts and tokens, of requests in work, and a histogram of seconds."""

    def __init__(self) -> None:
        """Start at zero."""
        self.texts = self.tokens = self.in_work = 0
        self._answers: Counter[tuple[str, int]] = Counter()
        self._within = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Inside: a request for embeddings is in work; its seconds are counted."""
        began = time.monotonic()
        self.in_work += 1
        try:
            yield
        finally:
            self.in_work -= 1
            seconds = time.monotonic() - began
            self._seconds += seconds
            self._within[sum(seconds > bound for bound in _BOUNDS)] += 1

    def count_answer(self, path: str, status: int) -> None:
        """Count an answer; `path` must be one of a few."""
        self._answers[path, status] += 1

    def text(self) -> str:
        """All of it, as Prometheus reads it."""
        lines = ["# TYPE linguagen_answers_total counter"]
        for (path, status), count in sorted(self._answers.items()):
            lines.append(f'linguagen_answers_total{{path="{path}",status="{status}"}} {count}')
        for name, kind, value in (
            ("texts_total", "counter", self.texts),
            ("tokens_total", "counter", self.tokens),
            ("requests_in_work", "gauge", self.in_work),
        ):
            lines += [f"# TYPE linguagen_{name} {kind}", f"linguagen_{name} {value}"]
        lines.append("# TYPE linguagen_seconds histogram")
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._within, strict=True):
            total += count
            lines.append(f'linguagen_seconds_bucket{{le="{bound}"}} {total}')
        return "\n".join([*lines, f"linguagen_seconds_sum {self._seconds:.6f}", f"linguagen_seconds_count {total}", ""])
