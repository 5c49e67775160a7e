"""Quantities: what upstream's `resource.Quantity` prints."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import hypothesis
import pytest
from hypothesis import strategies as st

from extension_apiserver.metrics_api.quantity import canonical, total

#: Printed by k8s.io/apimachinery v0.37.2: `q.Add(resource.MustParse("0")); q.String()`, so that nothing of the text is kept.
UPSTREAM = [
    ("0", "0"), ("1", "1"), ("-1", "-1"), ("100", "100"), ("1000", "1k"), ("1500", "1500"), ("1.5", "1500m"), ("12.5", "12500m"),
    ("0.1", "100m"), ("1500m", "1500m"), ("1000m", "1"), ("0.0001", "100u"), ("1n", "1n"), ("0.5n", "1n"), ("-0.5n", "-1n"),
    ("0.1m", "100u"), ("1k", "1k"), ("1.5k", "1500"), ("1000k", "1M"), ("1Ki", "1Ki"), ("1.5Gi", "1536Mi"), ("1024Ki", "1Mi"),
    ("1536Mi", "1536Mi"), ("0.5Ki", "512"), ("2.5Ki", "2560"), ("1.0001Ki", "1024102400u"), ("-2Ki", "-2Ki"), ("1e3", "1e3"),
    ("1.5e3", "1500"), ("1e-3", "1e-3"), ("12e6", "12e6"), ("12E6", "12e6"), ("1E", "1E"), ("5E", "5E"), ("100Mi", "100Mi"),
    ("67108864", "67108864"), ("1000000", "1M"), ("9223372036854775807", "9223372036854775807"), ("1.", "1"), ("+.5", "500m"),
    ("1234567890", "1234567890"), ("0Mi", "0"), ("1000Ki", "1000Ki"), ("1e0", "1"), ("100e1", "1e3"),
    ("0.000000001Gi", "1073741824n"), ("1u", "1u"), ("1500u", "1500u"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "printed"), UPSTREAM)
def test_a_quantity_is_written_as_upstream_writes_it(text: str, printed: str) -> None:
    """Text of a quantity in, canonical form out."""
    assert canonical(text) == printed


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (42, "42"), (12.5, "12500m"), (0.1 + 0.2, "300m"), (1e-12, "0"), (-0.0, "0"), (Decimal("1.5"), "1500m"),
        (Decimal("1e-12"), "1n"), (Fraction(1, 4), "250m"), (2**63 - 1, "9223372036854775807"), (1e18, "1E"),
    ],
)  # fmt: skip
def test_a_number_becomes_a_quantity(number: object, printed: str) -> None:
    """A binary fraction is rounded to a nano, since 0.1 + 0.2 is not 300000001n to anybody."""
    assert canonical(number) == printed


@pytest.mark.parametrize(
    "wrong",
    [
        True, None, [], {}, b"1", "", " 1", "1 ", "one", "1KB", "0x10", "1e", "--1", "1,5", "\u0661", "1e99999", "9" * 65, float("nan"),
        float("inf"), 2**63, -(2**63), 1e19, "8Ei", Decimal("NaN"), Decimal("1e999999"), "1e4000", 1j,
    ],
)  # fmt: skip
def test_what_is_no_quantity_is_refused_in_words(wrong: object) -> None:
    """And at once, whatever its exponent."""
    with pytest.raises(ValueError, match=r"^must be .*"):
        canonical(wrong)


@hypothesis.given(
    st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.floats(-1e18, 1e18), st.decimals(-1000, 1000, places=9))
)
def test_a_canonical_quantity_is_its_own_canonical_form(number: object) -> None:
    """Whatever it was made of."""
    text = canonical(number)

    assert canonical(text) == text


def test_a_sum_is_written_like_its_first_term() -> None:
    """64Mi and 64Mi are 128Mi, not 134217728."""
    sums = {total(["64Mi", "64Mi"]), total(["100m", "1"]), total(["1Mi", "1"]), total([])}
    assert sums == {"128Mi", "1100m", "1048577", "0"}
