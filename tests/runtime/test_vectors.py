import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from linguagen.models.errors import VectorError
from linguagen.runtime.vectors import check_layout, unit_rows

FLOATS = st.sampled_from([np.float16, np.float32, np.float64, ">f4", ">f8", "<f2"])


@given(
    hnp.arrays(
        st.shared(FLOATS, key="type").map(np.dtype),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.sampled_from([-3.0, -1.0, -0.25, 0.5, 1.0, 8.0]),
    ),
    st.booleans(),
)
def test_any_float_type_and_order_gives_the_same_unit_rows(array, fortran):
    given_rows = np.asfortranarray(array) if fortran else array
    rows, scaled = unit_rows(given_rows, 0, "vectors")
    wide = array.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    np.testing.assert_allclose(rows, wide / lengths[:, None], atol=1e-3)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    assert scaled == (np.abs(lengths - 1) > 5e-4).sum()


def test_rows_of_length_one_are_passed_on_untouched():
    given_rows = np.eye(3, 5, dtype=np.float32) * np.float32(1.0002)
    rows, scaled = unit_rows(given_rows, 0, "vectors")
    assert scaled == 0
    np.testing.assert_array_equal(rows, given_rows)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    ("kind", "size"),
    [
        *((np.float64, size) for size in (5e-324, 1e-320, 1e-300, 1e-160, 1e-25, 1e30, 1e38, 1e160, 1e300, 3e307)),
        *((np.float32, size) for size in (1e-44, 1e-30, 1e19, 2e37, 8e37)),
        *((np.float16, size) for size in (6e-8, 1e-6, 1.5e4)),
    ],
)
def test_very_short_and_very_long_rows_keep_their_direction(kind, size, rows):
    given_rows = (np.array([[3, 4]]) * kind(size)).astype(kind).repeat(rows, axis=0)
    expected = given_rows.astype(np.longdouble)
    expected /= np.sqrt((expected**2).sum(axis=1, keepdims=True))
    found, scaled = unit_rows(given_rows, 0, "vectors")
    np.testing.assert_allclose(found, expected.astype(float), rtol=1e-6)
    assert scaled == rows


def test_a_huge_row_next_to_a_usual_one_changes_neither():
    found, _ = unit_rows(np.array([[3e300, 4e300], [1.0, 0.0]]), 0, "vectors")
    np.testing.assert_allclose(found, [[0.6, 0.8], [1, 0]], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_refused_by_number(bad):
    vectors = np.ones((4, 3), np.float32)
    vectors[[1, 3], 2] = bad
    with pytest.raises(
        VectorError, match=r"vectors: 2 row\(s\) hold NaN or infinite values: row 101, 103 .*embed those"
    ):
        unit_rows(vectors, 100, "vectors")


def test_zero_rows_are_refused_by_number_and_long_lists_are_cut():
    with pytest.raises(VectorError, match=r"only zeros, which have no direction: row 0, 1, .*, 9, \.\.\. \(counted"):
        unit_rows(np.zeros((12, 3), np.float32), 0, "vectors")


def test_rows_picked_out_of_order_are_refused_by_their_own_numbers():
    vectors = np.ones((2, 3))
    vectors[1] = 0
    with pytest.raises(VectorError, match=r"1 row\(s\) hold only zeros.*: row 17 "):
        unit_rows(vectors, np.array([40, 17]), "vectors")


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((3,), np.float32, r"x: has 1 dimension\(s\), shape \(3,\); expected \(rows, width\); for a single vector"),
        ((1, 2, 3), np.float32, r"x: has 3 dimension\(s\), shape \(1, 2, 3\); expected \(rows, width\)$"),
        ((2, 3), np.int64, "x: holds int64 values, expected float16, float32, float64; save the vectors as floats"),
        ((2, 3), np.complex64, "x: holds complex64 values"),
        ((2, 3), np.float32, "x: vectors of width 3, but the model takes width 4; use the model of the teacher"),
    ],
)
def test_other_layouts_are_refused(shape, dtype, message):
    with pytest.raises(VectorError, match=message):
        check_layout(shape, np.dtype(dtype), 4, "x")
