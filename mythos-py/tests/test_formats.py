"""Formats of payloads, and how a host brings old ones up to date."""

from __future__ import annotations

from collections.abc import Callable

import mythos
import pytest
from mythos.records import RestoredRitual

from shapes import shaped


def second(payload: bytes) -> bytes:
    return b"v2:" + payload


def test_an_old_payload_is_brought_up_step_by_step(home: mythos.Mythos) -> None:
    old = home.rituals()
    saved = {
        format: old.save("ana", format or "none", b"text", intent={"payload_format": format})["entry"]
        for format in ("v1", "v2", "v3", None)
    }
    formats = mythos.PayloadFormats().current("v3").upcast("v2", "v3", lambda payload: bytearray(b"v3:" + payload))
    now = home.with_rituals(formats=formats.upcast("v1", "v2", second)).rituals()
    expected = {
        "v1": (b"v3:v2:text", "v3"),
        "v2": (b"v3:text", "v3"),
        "v3": (b"text", "v3"),
        None: (b"text", None),
    }
    for format, (payload, brought_to) in expected.items():
        restored = shaped(now.restore(saved[format]), RestoredRitual)
        assert (restored["payload"], restored["format"]) == (payload, brought_to)
        assert restored["entry"]["payload_format"] == format
        assert now.latest("ana", format or "none") == restored
        assert old.restore(saved[format])["payload"] == b"text"


def test_an_unknown_format_is_refused(home: mythos.Mythos) -> None:
    entry = home.rituals().save("ana", "refund", b"", intent={"payload_format": "unheard of"})["entry"]
    rituals = home.with_rituals(formats=mythos.PayloadFormats().current("v1")).rituals()
    for call in (
        lambda: rituals.restore(entry),
        lambda: rituals.save("ana", "refund", b"", intent={"payload_format": "unheard of"}),
    ):
        with pytest.raises(mythos.Invalid, match="unheard of") as caught:
            call()
        assert caught.value.field == "payload_format"
    assert rituals.entry(entry)["payload_format"] == "unheard of"


def test_declarations_are_checked() -> None:
    formats = mythos.PayloadFormats().current("v2").upcast("v1", "v2", second)
    refused: list[Callable[[], object]] = [
        lambda: formats.current("v2"),
        lambda: formats.current(""),
        lambda: formats.upcast("v1", "v3", second),
        lambda: formats.upcast("v2", "v1", second),
    ]
    for declare in refused:
        with pytest.raises(mythos.Invalid) as caught:
            declare()
        assert caught.value.field == "payload_format"
    with pytest.raises(mythos.Invalid) as caught:
        formats.upcast("v0", "v1", b"no function")  # type: ignore[arg-type]
    assert caught.value.field == "upcast"


def raising(error: BaseException) -> Callable[[bytes], bytes]:
    def upcast(payload: bytes) -> bytes:
        raise error

    return upcast


def test_what_an_upcast_raises_is_the_cause(home: mythos.Mythos) -> None:
    entry = home.rituals().save("ana", "refund", b"text", intent={"payload_format": "v1"})["entry"]

    def restore(upcast: Callable[[bytes], bytes]) -> None:
        formats = mythos.PayloadFormats().upcast("v1", "v2", upcast).current("v2")
        home.with_rituals(formats=formats).rituals().restore(entry)

    error = ValueError("no such member")
    with pytest.raises(mythos.Invalid, match="v1 cannot become v2.*no such member") as caught:
        restore(raising(error))
    assert (caught.value.field, caught.value.__cause__) == ("payload", error)
    with pytest.raises(mythos.Invalid, match="not bytes-like"):
        restore(lambda payload: "text")  # type: ignore[arg-type, return-value]
    with pytest.raises(KeyboardInterrupt):
        restore(raising(KeyboardInterrupt()))
