"""The entrance."""

from __future__ import annotations

import mythos
import pytest

from dict_store import DictStore


def test_any_store_serves() -> None:
    for entrance in (mythos.Mythos.in_memory(), mythos.Mythos.with_store(DictStore())):
        assert entrance.tenant("acme").maintain(max_bytes=1) == {"freed_bytes": 0, "done": True}
    assert mythos.Mythos.with_store(mythos.MemoryStore()).maintain()["done"]


@pytest.mark.parametrize("tenant", ["", "a\0", "x" * 151, 3, None])
def test_a_tenant_is_checked(tenant: str) -> None:
    with pytest.raises(mythos.Invalid) as caught:
        mythos.Mythos.in_memory().tenant(tenant)
    assert caught.value.field == "tenant"
