import pickle

import pytest

from sklearn_ldl._core.settings import Settings

RATES = Settings("Rates.", {"slow": {"lr": 0.01}, "fast": {"lr": 1.0}})


def test_it_reads_like_a_dictionary():
    assert list(RATES) == ["slow", "fast"]
    assert len(RATES) == 2
    assert RATES == {"slow": {"lr": 0.01}, "fast": {"lr": 1.0}}
    assert dict(**RATES["fast"]) == {"lr": 1.0}
    with pytest.raises(KeyError, match="medium"):
        RATES["medium"]


def test_nothing_can_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        RATES["slow"] = {}
    RATES["slow"]["lr"] = 5.0
    assert RATES["slow"]["lr"] == 0.01


def test_documentation_is_kept_also_by_copies():
    for settings in (RATES, pickle.loads(pickle.dumps(RATES))):
        assert settings.__doc__ == "Rates.\n"
