from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uebench.errors import UsageError
from uebench.hashing import canonical, digest, key
from uebench.plugins.spec import Spec, format_value, parse, parse_chain

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


def test_a_chain_is_not_a_single_plugin() -> None:
    with pytest.raises(UsageError, match="chain of 2"):
        parse("lsp+segue")


@given(names, st.dictionaries(names, values, max_size=4))
def test_a_spec_reads_back_from_its_text(name: str, options: dict[str, object]) -> None:
    spec = Spec(name, options)  # type: ignore[arg-type]
    again = parse(str(spec))
    assert again.name == name
    assert json.dumps(again.options, sort_keys=True) == json.dumps(dict(options), sort_keys=True)


def test_format_shows_grey_levels() -> None:
    assert format_value(8 / 255) == "8/255"
    assert format_value(0.2) == "0.2"


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
