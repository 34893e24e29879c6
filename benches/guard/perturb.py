"""Edits whose kind is known, made on real texts: what the guard must find, and what it must not mind.

Each function takes a text and a source of chance, and gives the edited text, or `None` where the text has no place for it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Edit = Callable[[str, random.Random], str | None]


def _swap_one(text: str, chance: random.Random, swaps: dict[str, list[str]]) -> str | None:
    """Replaces one word that is a key of `swaps`, keeping its capital."""
    pattern = re.compile(r"\b(" + "|".join(sorted(map(re.escape, swaps), key=len, reverse=True)) + r")\b", re.I)
    places = [place for place in pattern.finditer(text) if not (place[0] == "May" and place.start() > 0)]
    if not places:
        return None
    place = chance.choice(places)
    new = chance.choice(swaps[place[0].lower()])
    if place[0].isupper() and len(place[0]) > 1:
        new = new.upper()
    elif place[0][0].isupper():
        new = new[0].upper() + new[1:]
    return text[: place.start()] + new + text[place.end() :]


def number(text: str, chance: random.Random) -> str | None:
    """Another amount: no number of a section, no part of a name."""
    places = [
        place
        for place in re.finditer(r"(?<![\w.\-/])\d[\d,]*(?![\w.\-/]|[.,]\d)", text)
        if place.start() > 3
        and not re.search(r"(?i)(section|article|clause|paragraph|appendix|annex|exhibit|part|module|no\.|law|decision|regulation|chapter|example|step|table|page|january|february|march|april|may|june|july|august|september|october|november|december)s?,?\s*$", text[: place.start()])
        and not re.match(r"(?i)\s*(january|february|march|april|may|june|july|august|september|october|november|december)", text[place.end() :])
        and not re.fullmatch(r"(19|20)\d\d", place[0])
        and not (text[place.start() - 1] in "([" and text[place.end() : place.end() + 1] in (")", "]"))
    ]
    words = {
        "two": ["three", "five"], "three": ["two", "four"], "four": ["six"], "five": ["ten"], "six": ["nine"], "seven": ["ten"],
        "ten": ["twenty"], "twelve": ["six"], "thirty": ["sixty", "ten"], "sixty": ["thirty"], "ninety": ["thirty"],
    }
    if places:
        place = chance.choice(places)
        value = int(place[0].replace(",", "") or 0)
        new = chance.choice([value * 2 + 1, value + 1, value * 10 if value else 7, max(value // 2, 0) if value > 1 else value + 3])
        return text[: place.start()] + str(new) + text[place.end() :]
    return _swap_one(text, chance, words)


def modality(text: str, chance: random.Random) -> str | None:
    return _swap_one(
        text,
        chance,
        {
            "must": ["may", "should", "can"], "shall": ["may", "should"], "should": ["must", "may"], "may": ["must", "shall"],
            "can": ["must", "should"], "required": ["encouraged", "allowed"], "might": ["must"], "could": ["must"],
        },
    )


_AUXILIARY = r"\b(is|are|was|were|will|shall|must|may|can|should|could|would|do|does|did|has|have)\b"


def negation(text: str, chance: random.Random) -> str | None:
    """A "not" that comes or goes."""
    lost = list(re.finditer(r"\b(do not|does not|did not|don't|cannot|can't|never|not) ", text, re.I))
    if lost and chance.random() < 0.5:
        place = chance.choice(lost)
        kept = {"cannot": "can ", "can't": "can "}.get(place[1].lower(), "")
        return text[: place.start()] + kept + text[place.end() :]
    gained = list(re.finditer(_AUXILIARY + r"(?! not\b)(?=\s+[a-z])", text))
    if gained:
        place = chance.choice(gained)
        return text[: place.end()] + " not" + text[place.end() :]
    verb = re.match(r"\W*([A-Z][a-z]+) ", text)
    if verb and verb[1] in {"Use", "Include", "Return", "Add", "Make", "Keep", "Ask", "Write", "Provide", "Always"}:
        start = verb.start(1)
        return text[:start] + "Do not " + text[start].lower() + text[start + 1 :]
    return None


def party(text: str, chance: random.Random) -> str | None:
    """You and we change places."""
    pattern = re.compile(r"\b([Yy]ours?|[Yy]ou|[Ww]e|[Oo]urs?|us|me|my|YOU|YOUR|WE|OUR)\b(?![-.)])")
    other = {"you": "we", "your": "our", "yours": "ours", "we": "you", "our": "your", "us": "you", "ours": "yours", "me": "you", "my": "your"}

    def swap(place: re.Match[str]) -> str:
        new = other[place[0].lower()]
        return new[0].upper() + new[1:] if place[0][0].isupper() else new

    swapped = pattern.sub(swap, text)
    return swapped if swapped != text else None


def quantifier(text: str, chance: random.Random) -> str | None:
    return _swap_one(
        text,
        chance,
        {"all": ["some", "most"], "any": ["certain", "some"], "every": ["some"], "each": ["one"], "only": ["also"], "always": ["sometimes"], "except": ["including"], "unless": ["if"]},
    )


def unit(text: str, chance: random.Random) -> str | None:
    return _swap_one(
        text,
        chance,
        {"days": ["months", "hours"], "months": ["days", "years"], "years": ["months"], "hours": ["days"], "minutes": ["hours"], "lines": ["words"], "words": ["characters"], "tokens": ["words"]},
    )


def condition(text: str, chance: random.Random) -> str | None:
    """A condition that is lost."""
    places = list(re.finditer(r"(,? (?:if|unless|provided that|when|except|subject to|as long as) [^,.;]{8,80})(?=[.,;])", text))
    if not places:
        return None
    place = chance.choice(places)
    return text[: place.start()] + text[place.end() :]


def item(text: str, chance: random.Random) -> str | None:
    """An item of a list that is lost."""
    places = list(re.finditer(r", (?!such |including|and |or |as )[a-zA-Z][\w\- ]{2,30}(?=, )", text))
    if len(places) < 2:
        return None
    place = chance.choice(places)
    return text[: place.start()] + text[place.end() :]


def sentence(text: str, chance: random.Random) -> str | None:
    """A sentence that is lost."""
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", text)
    if len(sentences) < 2:
        return None
    gone = chance.randrange(len(sentences))
    if len(sentences[gone].split()) < 5:
        return None
    return " ".join(sentences[:gone] + sentences[gone + 1 :])


def placeholder(text: str, chance: random.Random) -> str | None:
    """What a program fills in, or names in code, is another."""
    places = list(re.finditer(r"\{\{?\w+\}?\}|`[\w./]+`|(?<![\w/.])\w+_\w+\b(?! *=)|(?<![\w/.])[\w-]+\.(?:com|org|py|json)\b", text))
    if not places:
        return None
    place = chance.choice(places)
    new = re.sub(r"[A-Za-z]+", chance.choice(["other", "output", "account", "example"]), place[0], count=1)
    return text[: place.start()] + new + text[place.end() :] if new != place[0] else None


SUBSTANTIVE: dict[str, Edit] = {
    "number": number,
    "modality": modality,
    "negation": negation,
    "party": party,
    "quantifier": quantifier,
    "unit": unit,
    "condition": condition,
    "item": item,
    "sentence": sentence,
    "placeholder": placeholder,
}
"""Edits that change what a text says."""


def numbering(text: str, chance: random.Random) -> str | None:
    body = re.sub(r"^\s*(?:\(?[0-9]+(?:\.[0-9]+)*[.)]|\([a-z]\)|[a-z]\)|[-*•])\s+", "", text)
    label = chance.choice(["1. ", "2.3 ", "(a) ", "(iv) ", "4) ", "7.1.2 ", "b) ", "12. "])
    return label + body if label + body != text else None


def bullets(text: str, chance: random.Random) -> str | None:
    body = re.sub(r"^\s*[-*•]\s+", "", text)
    return chance.choice(["- ", "* ", "• "]) + body if body == text else body


def emphasis(text: str, chance: random.Random) -> str | None:
    words = list(re.finditer(r"(?<![^\s(])[A-Za-z]{4,}(?=[\s,;)]|$)", text))
    if not words:
        return None
    word = chance.choice(words)
    mark = chance.choice(["**", "*", "_", "`"])
    return text[: word.start()] + mark + word[0] + mark + text[word.end() :]


def quotes(text: str, chance: random.Random) -> str | None:
    if re.search(r"[=\\]|\"\"\"", text):
        return None  # Code, where quotes mean something.
    if '"' in text or "'" in text:
        curly = re.sub(r'"([^"]*)"', r"“\1”", text)
        return re.sub(r"(?<=\w)'(?=\w)", "’", curly) if curly != text or "'" in text else None
    if "“" in text or "’" in text:
        return text.replace("“", '"').replace("”", '"').replace("’", "'")
    return None


def spaces(text: str, chance: random.Random) -> str | None:
    places = [place.start() for place in re.finditer(r"(?<=[a-z,]) (?=[A-Za-z])", text)]
    if not places or "=" in text:
        return None
    place = chance.choice(places)
    return text[:place] + chance.choice(["  ", "\n", "\u00a0"]) + text[place + 1 :]


def contraction(text: str, chance: random.Random) -> str | None:
    for long, short in (("do not", "don't"), ("cannot", "can't"), ("does not", "doesn't"), ("you are", "you're"), ("it is", "it's"), ("is not", "isn't")):
        if long in text:
            return text.replace(long, short, 1)
        if short in text:
            return text.replace(short, long, 1)
    return None


def final_stop(text: str, chance: random.Random) -> str | None:
    return text[:-1] if text.endswith((".", ";", ",")) else text + "."


def dashes(text: str, chance: random.Random) -> str | None:
    if " - " in text or "—" in text:
        return text.replace(" - ", " — ") if " - " in text else text.replace("—", " - ")
    return None


FORMAL: dict[str, Edit] = {
    "numbering": numbering,
    "bullets": bullets,
    "emphasis": emphasis,
    "quotes": quotes,
    "spaces": spaces,
    "contraction": contraction,
    "final_stop": final_stop,
    "dashes": dashes,
}
"""Edits of form alone."""
