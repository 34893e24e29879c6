"""For those who write a store of their own: the cases by which it proves that it keeps the contract.

With pytest:

    import pytest
    from mythos.testing import conformance_cases, run_conformance_case

    @pytest.mark.parametrize("case", [case["name"] for case in conformance_cases()])
    def test_conformance(case, tmp_path):
        run_conformance_case(case, lambda tables: MyStore(tmp_path / "db", tables), lambda store: store.reopened())
"""

from __future__ import annotations

from typing import TypedDict

from ._mythos import conformance_cases, run_conformance_case

__all__ = ["ConformanceCase", "conformance_cases", "run_conformance_case"]


class ConformanceCase(TypedDict):
    """One case: what the store owes, and what the case shows, in one sentence."""

    name: str
    obligation: str
    about: str
