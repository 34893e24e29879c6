"""The exceptions: their kinds, what they carry, and that they survive pickling."""

from __future__ import annotations

import pickle

import mythos
import pytest
from mythos import _mythos


@pytest.mark.parametrize("kind", mythos.ErrorKind)
def test_every_kind_has_a_class_of_its_name(kind: mythos.ErrorKind) -> None:
    error = getattr(mythos, kind)("what happened", field="clauses[0]")
    assert isinstance(error, mythos.MythosError)
    assert type(error).__mro__[1] is mythos.MythosError
    assert (error.kind, error.field, str(error)) == (kind, "clauses[0]", "what happened")
    assert error.is_retryable == (kind in {"Conflict", "Unavailable", "Unknown"})


@pytest.mark.parametrize(
    "error",
    [
        mythos.Invalid("bad", field="name"),
        mythos.RecordConflict("samples", "00ff"),
        mythos.CellConflict({"tenant": "default", "table": "samples", "id": "01"}, "02"),
    ],
)
def test_errors_survive_pickling(error: mythos.MythosError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_tracebacks_name_the_public_path() -> None:
    assert mythos.RecordConflict.__module__ == "mythos"


def test_a_panic_is_an_exception(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(mythos.Internal, match="a defect of this library: at the disco"):
        _mythos._panic("at the disco")
    # The hook of the panic still tells where it happened.
    assert "selftest.rs" in capfd.readouterr().err
