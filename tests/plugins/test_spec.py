from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uebench.errors import UsageError
from uebench.hashing import canonical, digest, key
from uebench.plugins.spec import Spec, format_value, number, parse, parse_chain

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda n: n.isidentifier() and n not in __import__("keyword").kwlist
)


def test_fraction_is_the_python_quotient() -> None:
    assert parse("segue(eps=8/255)") == Spec("segue", {"eps": 8 / 255})


def test_chain_keeps_its_order() -> None:
    chain = parse_chain("resnet18 + jpeg(quality=50) + flip_crop")
    assert [str(link) for link in chain] == ["resnet18", "jpeg(quality=50)", "flip_crop"]


def test_words_lists_and_signs() -> None:
    assert parse("m(a=true, b=none, c=[1, -2], d=sample, e='x y.z')").options == {
        "a": True, "b": None, "c": (1, -2), "d": "sample", "e": "x y.z",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "a(", "a(1)", "a(b=c.d)", "a-b", "a+", "a(**b)", "a(b=1/0)", "a(b=/tmp/x)", "1", "a(b=c())", "\0"]
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_chain(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"a(b={'-' * 20_000}1)",
        f"a(b={'-' * 3_900}1)",
        "+".join(["a"] * 2_001),
        f"a(b={'[' * 1_900}{']' * 1_900})",
        f"a(b={'9' * 3_900})",
        f"a(b={'*'.join(['9' * 100] * 30)})",
        "a(b=18446744073709551616)",
        "a(b=1e999)",
        "a(b=1e308*10)",
        "a(b=1, b=2)",
    ],
)
def test_what_is_too_deep_too_large_or_said_twice_is_refused_in_a_line_that_can_be_read(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_chain(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ["+".join(["a"] * 1_999), f"a(b={'+'.join(['1'] * 1_900)})", f"a(b={'[' * 99}{']' * 99})"]
)
def test_how_deep_python_reads_is_no_crash_either_way(text: str) -> None:
    with suppress(UsageError):
        parse_chain(text)


def test_a_string_is_read_back_from_quotes_where_it_would_be_a_word_or_more_than_16_bits() -> None:
    for value in ("None", "True", "class", "false", "\N{GRINNING FACE}", "\u00e9", '"', "\\", "\\d", "\x1b", "\0"):
        assert parse(str(Spec("m", {"x": value}))).options == {"x": value}


@pytest.mark.fuzz
@settings(max_examples=5 * settings().max_examples)
@given(st.text("ab()[]=+-*/,.'\"\\ 019e#\n\0", max_size=60) | st.text(max_size=30))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        chain = parse_chain(text)
    except UsageError as error:
        assert str(error)
    else:
        assert parse_chain("+".join(map(str, chain))) == chain


def test_a_chain_is_not_a_single_plugin() -> None:
    with pytest.raises(UsageError, match="chain of 2"):
        parse("lsp+segue")


@pytest.mark.fuzz
@given(names, st.dictionaries(names, values, max_size=4))
def test_a_spec_reads_back_from_its_text(name: str, options: dict[str, object]) -> None:
    spec = Spec(name, options)  # type: ignore[arg-type]
    again = parse(str(spec))
    assert again.name == name
    assert json.dumps(again.options, sort_keys=True) == json.dumps(dict(options), sort_keys=True)


def test_format_shows_grey_levels() -> None:
    assert format_value(8 / 255) == "8/255"
    assert format_value(0.2) == "0.2"


def test_a_number_is_read_like_the_value_of_an_option() -> None:
    assert number(" 8/255 ") == 8 / 255
    assert number("2 * 4 / 255") == 8 / 255
    assert number("-1") == -1


@pytest.mark.parametrize(
    "text",
    ["", "8/0", "8/", "8,", "true", "none", "nan", "1e400", "'8'", "1) #", "f(1)", "1or 2", "-" * 3000, "1" * 9000],
)
def test_a_text_that_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        number(text)


def test_digest_ignores_the_order_of_names_and_nothing_else() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    assert key(a=1) != key(b=1)


def test_canonical_json_is_pinned() -> None:
    assert canonical({"b": 8 / 255, "a": [None, True, "ü"]}) == '{"a":[null,true,"\\u00fc"],"b":0.03137254901960784}'
    assert key(a=1).startswith("d4c7acd72fe55714")


def test_not_a_number_has_no_key() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))
