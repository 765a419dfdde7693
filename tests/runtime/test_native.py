import threading

import pytest

from linguagen.runtime.native import has_library, run_parts


def test_an_installation_without_the_library_is_recognised(no_library):
    assert not has_library()


def test_parts_cover_all_rows_once_and_run_at_the_same_time():
    seen, barrier = [], threading.Barrier(3, timeout=20)

    def work(first: int, end: int) -> None:
        barrier.wait()  # passes only if three parts run at once
        seen.append((first, end))

    run_parts(work, 10, threads=3, least=3)
    assert sorted(seen) == [(0, 3), (3, 6), (6, 10)]


def test_few_rows_are_one_part():
    seen = []
    for rows in (0, 5):
        run_parts(lambda first, end: seen.append((first, end, threading.current_thread())), rows, threads=4, least=3)
    assert seen == [(0, 0, threading.main_thread()), (0, 5, threading.main_thread())]


def test_an_error_in_a_part_is_raised():
    def work(first: int, end: int) -> None:
        if first:
            raise ValueError("the second part")

    with pytest.raises(ValueError, match="the second part"):
        run_parts(work, 8, threads=2, least=1)
