"""Fits the weights of the guard's two models, and says how they do on families that they have not seen.

    python benches/guard/train.py --data DATA [--write]

DATA is the folder with `regression/` in it (benches/guard/README.md says where its sets come from). `--write` replaces
`mythos-core/src/regression/weights.json`. The measures that the weights are for come from the library itself.

Accuracy: logistic regression on what an edit did. Its prior is no zero but what a reviewer would expect (`PRIOR`), so that a
kind of change that the few hundred pairs do not show, such as a changed amount in a prompt, weighs what it should; weights of
changes of content are at least 0. Edits that were made by rule (`perturb.py`) take part with little weight.

Tone: an ordered logit that is its own mirror: with the versions exchanged, firmer and softer change places.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import pairs as data_pairs
import perturb
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from mythos import regression

WEIGHTS = Path(__file__).parents[2] / "mythos-core" / "src" / "regression" / "weights.json"

PRIOR = {
    "number": 8, "date": 6, "stamp": 0.3, "unit": 5, "symbol": 4, "identifier": 8, "code": 4, "address": 6, "target": 0.3,
    "placeholder": 9, "negation": 7, "must": 6, "may": 5, "should": 4, "party_order": 5, "you": 3, "we": 3, "customer": 1, "third": 2,
    "all": 3, "some": 3, "only": 5, "except": 5, "bound": 4, "condition": 4, "default": 4, "permission": 3, "liability": 3,
    "prohibition": 4, "time": 3, "sentences": 5, "items": 5, "content_lost": 2, "content_gained": 2, "hidden": 2, "verb": 1,
    "renamed": -1, "renamed_only": -1, "exemplary": -1, "bracketed": -0.5, "headings": -0.3, "reference": -0.5, "respelled": -0.5,
    "reworded": -0.2, "names_only": -0.5,
}
"""What a change of each kind is expected to weigh; 0 where nothing is said. A count of one is a measure of one half."""

FREE = {
    "reworded", "inflected", "respelled", "renamed", "renamed_only", "names", "names_only", "exemplary", "bracketed", "headings",
    "target", "reference", "date", "grammar", "moved", "example", "hunks", "capitals", "exclamation", "question", "share", "singular",
    "instruction", "content_one_sided", "content_both",
}
"""Measures that may count against a change of content."""

STIFFNESS = 10.0
"""How many pairs' worth of evidence the prior is."""

MADE_WEIGHT = 0.05
"""How much an edit that was made by rule counts, beside one that was found."""

MINOR_WEIGHT = 0.5
"""A minor change counts as half of one and half of none."""

TONE_PRIOR = {
    "must": 0.7, "should": 0.1, "may": -0.4, "intensifier": 0.5, "hedge": -0.6, "polite": -0.9, "softener": -0.5, "exclamation": 0.6,
    "question": -0.5, "capitals": 0.3, "threat": 0.4, "imperatives": 0.5, "bans": 0.4, "requests": -0.6, "only": 0.3,
    "prohibition": 0.5, "formal": 0.1, "informal": -0.2, "positive": -0.2, "negative": 0.2, "emphasis": 0.1, "short_sentences": 0.2,
    "you_must": 0.4, "negation": 0.1, "singular": -0.1, "we": -0.1,
}
TONE_FIXED = {"contracted"}
"""What weighs nothing: "do not" and "don't" are forms of the same."""

TONE_STIFFNESS = 10.0
TONE_REAL_WEIGHT = 0.3
"""Real pairs rarely change their tone; they count less than those that were written for it, so that these are heard."""

TONE = {"firmer": 1, "same": 0, "softer": -1}


def made(pairs: list[data_pairs.Pair]) -> list[tuple[str, str, str, bool, str]]:
    """Edits by rule of the newer versions: family, kind, name of the edit, and the texts."""
    edits = []
    for pair in pairs:
        chance = random.Random(pair.key)
        if pair.new.startswith("|") and chance.random() < 0.8:
            continue  # Rows of tables are many, and much alike.
        for is_substantive, table in ((True, perturb.SUBSTANTIVE), (False, perturb.FORMAL)):
            for name, edit in table.items():
                new = edit(pair.new, chance)
                if new and new != pair.new:
                    edits.append((pair.family, name, pair.new, is_substantive, new))
    return edits


def matrix(texts: list[tuple[str, str]], kind: str) -> tuple[list[str], np.ndarray]:
    rows = [regression.measures(old, new)[kind] for old, new in texts]
    names = list(rows[0])
    return names, np.array([[row[name] for name in names] for row in rows])


def fit_accuracy(names, features, target, weight, stiffness=STIFFNESS):
    prior = np.array([PRIOR.get(name, 0.0) for name in names])
    bounds = [(None, None) if name in FREE else (0, None) for name in names] + [(None, None)]
    sign = 2 * target - 1

    def loss(parameters):
        logit = features @ parameters[:-1] + parameters[-1]
        slope = -(sign * weight) * expit(-sign * logit)
        away = parameters[:-1] - prior
        value = (weight * np.logaddexp(0, -sign * logit)).sum() + stiffness * (away**2).sum() / 2
        return value, np.r_[features.T @ slope + stiffness * away, slope.sum()]

    return minimize(loss, np.r_[np.maximum(prior, [b[0] if b[0] is not None else -9 for b in bounds[:-1]]), -3.0], jac=True,
                    method="L-BFGS-B", bounds=bounds, options={"maxiter": 3000}).x


def accuracy_design(features, meaning, made_features, made_target):
    """Rows, targets and weights: minor pairs stand twice, once on each side."""
    minor = meaning == 1
    rows = np.vstack([features[~minor], features[minor], features[minor], made_features])
    target = np.r_[meaning[~minor] == 2, np.ones(minor.sum()), np.zeros(minor.sum()), made_target].astype(float)
    weight = np.r_[np.ones((~minor).sum()), np.full(minor.sum(), MINOR_WEIGHT), np.full(minor.sum(), 1 - MINOR_WEIGHT),
                   np.full(len(made_features), MADE_WEIGHT)]
    return rows, target, weight


def fit_tone(names, features, tone, weight, stiffness=TONE_STIFFNESS):
    prior = np.array([TONE_PRIOR.get(name, 0.0) for name in names])

    def loss(parameters):
        score, edge = features @ parameters[:-1], np.exp(parameters[-1])
        firmer, softer = expit(score - edge), expit(-score - edge)
        same = np.clip(1 - firmer - softer, 1e-12, 1)
        likelihood = np.where(tone == 1, np.log(firmer + 1e-12), np.where(tone == -1, np.log(softer + 1e-12), np.log(same)))
        up, down = firmer * (1 - firmer), softer * (1 - softer)
        by_score = np.where(tone == 1, 1 - firmer, np.where(tone == -1, softer - 1, (down - up) / same))
        by_edge = np.where(tone == 1, firmer - 1, np.where(tone == -1, softer - 1, (up + down) / same))
        away = parameters[:-1] - prior
        value = -(weight * likelihood).sum() + stiffness * (away**2).sum() / 2
        return value, np.r_[-(features.T @ (weight * by_score)) + stiffness * away, -(weight * by_edge).sum() * edge]

    bounds = [(0, 0) if name in TONE_FIXED else (None, None) for name in names] + [(None, None)]
    return minimize(loss, np.r_[prior, 0.5], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 3000}).x


def calibrate(logit, meaning):
    """Platt's scaling of predictions for families that a model has not seen: a scale and an offset."""
    rows, target, weight = accuracy_design(logit[:, None], meaning, np.zeros((0, 1)), np.zeros(0))

    def loss(parameters):
        sign = 2 * target - 1
        return (weight * np.logaddexp(0, -sign * (rows[:, 0] * parameters[0] + parameters[1]))).sum()

    return minimize(loss, [1.0, 0.0], method="Nelder-Mead").x


class Set:
    """Everything that is measured once, and fitted often."""

    def __init__(self, data: Path) -> None:
        self.pairs = data_pairs.load(data)
        self.made = made(self.pairs)
        self.authored = data_pairs.tone_pairs()
        self.families = sorted({pair.family for pair in self.pairs})
        texts = [(pair.old, pair.new) for pair in self.pairs]
        self.names, self.features = matrix(texts, "accuracy")
        _, self.made_features = matrix([(old, new) for _, _, old, _, new in self.made], "accuracy")
        self.tone_names, self.tone_features = matrix(texts, "tone")
        _, self.authored_features = matrix([(pair["text_a"], pair["text_b"]) for pair in self.authored], "tone")
        self.meaning = np.array([pair.meaning for pair in self.pairs])
        self.tone = np.array([TONE[pair.tone] for pair in self.pairs])
        self.authored_tone = np.array([TONE[pair["tone"]] for pair in self.authored])
        self.family = np.array([pair.family for pair in self.pairs])
        self.made_family = np.array([edit[0] for edit in self.made])
        self.made_name = np.array([edit[1] for edit in self.made])
        self.made_target = np.array([float(edit[3]) for edit in self.made])
        # Pairs that were written for it have no documents: every sixth is left out.
        self.authored_fold = np.random.RandomState(0).permutation(len(self.authored)) % 6

    def fit(self, seen, made_seen):
        rows, target, weight = accuracy_design(
            self.features[seen], self.meaning[seen], self.made_features[made_seen], self.made_target[made_seen]
        )
        return fit_accuracy(self.names, rows, target, weight)

    def fit_tone(self, seen, authored_seen):
        rows = np.vstack([self.authored_features[authored_seen], self.tone_features[seen]])
        tone = np.r_[self.authored_tone[authored_seen], self.tone[seen]]
        weight = np.r_[np.ones(authored_seen.sum()), np.full(seen.sum(), TONE_REAL_WEIGHT)]
        return fit_tone(self.tone_names, rows, tone, weight)

    def cross_validate(self):
        """The logits of pairs and of edits by rule, each from a model that saw nothing of their family."""
        logit, made_logit = np.zeros(len(self.pairs)), np.zeros(len(self.made))
        for family in self.families:
            out, made_out = self.family == family, self.made_family == family
            model = self.fit(~out, ~made_out)
            logit[out] = self.features[out] @ model[:-1] + model[-1]
            made_logit[made_out] = self.made_features[made_out] @ model[:-1] + model[-1]
        return logit, made_logit

    def cross_validate_tone(self):
        """Probabilities of firmer and of softer, for real pairs and for those that were written."""
        real, authored = np.zeros((len(self.pairs), 2)), np.zeros((len(self.authored), 2))
        everything = np.ones(len(self.authored), bool)
        for family in self.families:
            out = self.family == family
            model = self.fit_tone(~out, everything)
            real[out] = tone_probabilities(model, self.tone_features[out])
        for fold in range(6):
            out = self.authored_fold == fold
            model = self.fit_tone(np.ones(len(self.pairs), bool), ~out)
            authored[out] = tone_probabilities(model, self.authored_features[out])
        return real, authored


def tone_probabilities(model, features):
    score, edge = features @ model[:-1], np.exp(model[-1])
    return np.stack([expit(score - edge), expit(-score - edge)], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = Set(options.data)
    logit, made_logit = data.cross_validate()
    scale, offset = calibrate(logit, data.meaning)
    probability, made_probability = expit(scale * logit + offset), expit(scale * made_logit + offset)
    judged = data.meaning != 1
    changed = data.meaning == 2
    print(f"{len(data.pairs)} pairs: {(data.meaning == 0).sum()} unchanged, {(data.meaning == 1).sum()} minor, {changed.sum()} substantive")
    print(f"AUC {roc_auc_score(changed[judged], probability[judged]):.3f}; scale {scale:.3f}, offset {offset:.3f}")
    for threshold in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
        print(f"  flagged at {threshold}: substantive {(probability[changed] >= threshold).mean():.3f}, minor "
              f"{(probability[data.meaning == 1] >= threshold).mean():.3f}, unchanged {(probability[data.meaning == 0] >= threshold).mean():.3f}")
        print("   ", "  ".join(f"{name} {(made_probability[data.made_name == name] >= threshold).mean():.2f}" for name in
                                [*perturb.SUBSTANTIVE, *perturb.FORMAL] if (data.made_name == name).any()))
    real, authored = data.cross_validate_tone()
    for name, chances, tone in (("real", real, data.tone), ("written", authored, data.authored_tone)):
        for threshold in (0.1, 0.15, 0.2, 0.3, 0.5):
            said = np.where(chances.max(1) >= threshold, np.where(chances[:, 0] > chances[:, 1], 1, -1), 0)
            moved = tone != 0
            right = (said[moved & (said != 0)] == tone[moved & (said != 0)]).mean()
            print(f"  tone of {name} pairs at {threshold}: right {right:.3f}, abstained {(said[moved] == 0).mean():.3f} of {moved.sum()}, "
                  f"flagged though same {(said[~moved] != 0).mean():.3f}")
    if options.write:
        everything, all_made = np.ones(len(data.pairs), bool), np.ones(len(data.made), bool)
        model = data.fit(everything, all_made)
        tone_model = data.fit_tone(everything, np.ones(len(data.authored), bool))
        weights = {
            "format": 1,
            "accuracy": {
                "scale": round(float(scale), 4),
                "offset": round(float(offset), 4),
                "bias": round(float(model[-1]), 4),
                "weights": {name: round(float(weight), 4) for name, weight in zip(data.names, model)},
            },
            "tone": {
                "edge": round(float(np.exp(tone_model[-1])), 4),
                "weights": {name: round(float(weight), 4) for name, weight in zip(data.tone_names, tone_model)},
            },
        }
        WEIGHTS.write_text(json.dumps(weights, indent=2) + "\n")
        print(f"wrote {WEIGHTS}")


if __name__ == "__main__":
    main()
