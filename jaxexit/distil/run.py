"""A trained version distilled: the rule searched for, played on test beside the network, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxexit.config import experiment_sha256
from jaxexit.data import Dataset
from jaxexit.distil.code import LANGUAGES, Source, source
from jaxexit.distil.code.parity import parity
from jaxexit.distil.numbers import numbers_of
from jaxexit.distil.rule import Rule, rule_params, rule_policy
from jaxexit.distil.search import Candidate, chosen, search
from jaxexit.distil.walk import Met, Walker
from jaxexit.env import ACTIONS, env_spec
from jaxexit.env.types import HOLD
from jaxexit.errors import RunError, UserError
from jaxexit.evaluate import Backtest, PolicyResult, compare, mean_per_trade, share_kept
from jaxexit.lab.looks import looked_at, seen_before
from jaxexit.lab.results import tuned_baselines
from jaxexit.lab.summaries import Played, judged, trials_so_far, write_results
from jaxexit.lab.trained import TrainedVersion
from jaxexit.lab.training import agent_seeds, learned_policy
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.store.checkpoints import Which
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.provenance import counted
from jaxexit.store.verification import audit_before_training, verification

MOST_RULES = 10
SPLIT = "test"
OnPart = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is to be distilled.

    Attributes:
        rules: lines of the rule, at most.
        checkpoint: which one.
        seed: which agent, of a version that has several.
    """

    rules: int = 3
    checkpoint: Which = "best"
    seed: int | None = None

    def folder(self) -> str:
        """Name of the results' folder; the defaults have the plain one."""
        words = ["distil"]
        words += [str(self.checkpoint)] if self.checkpoint != "best" else []
        words += [f"seed_{self.seed}"] if self.seed is not None else []
        words += [f"rules_{self.rules}"] if self.rules != 3 else []
        return "_".join(words)


def distil_version(
    version: TrainedVersion,
    dataset: Dataset,
    asked: Asked,
    *,
    again: bool = False,
    on_part: OnPart = lambda what: None,
) -> tuple[dict[str, Any], Path]:
    """The rule that stands for a version's policy, and what it keeps of it on test.

    Known is what is in the results' folder for the same checkpoint and the same question: it is returned as
    it stands, and nothing is played. Otherwise playing the rule on test is counted as one more look before
    anything of it is played, as of any other policy.

    Args:
        version: a trained one.
        dataset: its data.
        asked: what.
        again: search and play although it is known.
        on_part: called with what is being done.

    Returns:
        The summary (what `distil --json` prints), and the folder that it is kept in.

    Raises:
        UserError: too few or too many rules, no such checkpoint or agent; a rule that was edited.
        ParityError: written code decides otherwise than the rule.
    """
    if not 1 <= asked.rules <= MOST_RULES:
        raise UserError(
            f"--rules: got {asked.rules}, expected a whole number from 1 to {MOST_RULES}"
        )
    policy = restore_policy(version, asked.checkpoint, asked.seed)
    results = version.folder.results(asked.folder())
    known = None if again else read_document(results / "summary.json", Summary)
    if known is not None and _whose(known) == _wanted(policy, asked):
        if Rule.from_json(known["rule"]["lines"]).sha256 != known["rule"]["sha256"]:
            where = f"{results / 'summary.json'}: rule.lines"
            raise RunError(f"{where}: are not those of rule.sha256; distil it --again")
        return known, results
    walker = _walker(policy, dataset, "train")
    validation = Backtest(policy.experiment, dataset, "validation")
    candidates = search(walker, validation, asked.rules, on_part)
    best = chosen(candidates)
    summary, played = _on_test(version, policy, dataset, asked, best, on_part)
    summary |= {
        "candidates": {
            "tried": len(candidates),
            "chosen": best.as_json(),
            "all": [candidate.as_json() for candidate in candidates],
        },
        "network_validation_net_mean": validation.score(
            learned_policy(policy.experiment), policy.params
        ),
    }
    write_results(results, played, summary, [])
    return summary, results


def code_of(
    version: TrainedVersion, dataset: Dataset, summary: dict[str, Any], language: str
) -> str:
    """A distilled rule as code.

    Args:
        version: whose.
        dataset: its data.
        summary: of `distil_version`.
        language: a name of `LANGUAGES`.

    Raises:
        UserError: there is no such language.
    """
    if language not in LANGUAGES:
        raise UserError(f"--as: got {language}, expected one of {', '.join(LANGUAGES)}")
    checkpoint = summary["checkpoint"]["sha256"]
    rule = Rule.from_json(summary["rule"]["lines"])
    return LANGUAGES[language](_source(version, dataset, rule, checkpoint))


def _source(version: TrainedVersion, dataset: Dataset, rule: Rule, checkpoint: str) -> Source:
    spec = env_spec(version.experiment, dataset.features, dataset.unit)
    return source(rule, spec, version.experiment, checkpoint=checkpoint, charges=dataset.charges)


def _wanted(policy: TrainedPolicy, asked: Asked) -> tuple[Any, ...]:
    return experiment_sha256(policy.experiment), policy.sha256, policy.seed, asked.rules


def _whose(summary: dict[str, Any]) -> tuple[Any, ...]:
    checkpoint = summary.get("checkpoint", {}).get("sha256")
    return summary.get("snapshot_sha256"), checkpoint, summary.get("seed"), summary.get("rules")


def _walker(policy: TrainedPolicy, dataset: Dataset, split: str) -> Walker:
    backtest = Backtest(policy.experiment, dataset, split)
    return Walker(
        backtest.spec, policy.learner, policy.params, backtest.world, policy.experiment.env.max_bars
    )


def _on_test(
    version: TrainedVersion,
    policy: TrainedPolicy,
    dataset: Dataset,
    asked: Asked,
    best: Candidate,
    on_part: OnPart,
) -> tuple[dict[str, Any], Played]:
    """Count the look, play the rule beside the network and the baselines, and say what it keeps."""
    experiment, registry, folder = policy.experiment, version.registry, version.folder
    proof = {
        "snapshot_sha256": experiment_sha256(experiment),
        "checkpoint_sha256": policy.sha256,
        "step": policy.step,
        "looked_at": looked_at(experiment, [dataset]),
    }
    if not folder.is_archived:
        registry.register(experiment, version.yaml)
    look = {**proof, "checkpoint": str(asked.checkpoint), "sampled": False}
    registry.record_test_evaluation(
        experiment.version, look | {"distilled": best.rule.sha256, "rules": asked.rules}
    )
    on_part("the baselines' settings on train")
    tuned = tuned_baselines(experiment, dataset, folder)
    backtest = Backtest(experiment, dataset, SPLIT)
    params = rule_params(best.rule, backtest.spec, asked.rules)
    on_part("rule and network on test")
    ruled = backtest.play(rule_policy(backtest.spec), params, seed=policy.seed, record=True)
    learned = learned_policy(experiment)
    network = backtest.play(learned, policy.params, seed=policy.seed)
    baselines = backtest.baselines(network.table, tuned, seed=experiment.seed, on_policy=on_part)
    rivals = {learned.name: network, **dict(baselines)}
    played = Played("rule", (policy.seed,), [ruled], [[ruled]], ruled, rivals)
    walker, every = _walker(policy, dataset, SPLIT), np.arange(len(ruled.table))
    on_part("every decision of test")
    by_network, by_rule = (walker.walk(every, params, by_rule=lead) for lead in (False, True))
    on_part("intervals and differences")
    known = verification(
        [dataset.origin],
        audit_before_training(folder.path),
        split=SPLIT,
        **seen_before(registry, proof),
    )
    trials = trials_so_far(registry, experiment.version)
    facts = {
        "version": experiment.version,
        "split": SPLIT,
        "checkpoint": {"step": policy.step, "sha256": policy.sha256},
        "which": str(asked.checkpoint),
        "seed": policy.seed,
        "rules": asked.rules,
        "sampled": False,
        **counted(dataset),
        "snapshot_sha256": proof["snapshot_sha256"],
        "rule": {
            "words": best.rule.words(numbers_of(backtest.spec)),
            "lines": best.rule.as_json(),
            "sha256": best.rule.sha256,
        },
        "agreement": agreement(by_network),
        "kept": kept(ruled, network),
        "parity": parity(
            _source(version, dataset, best.rule, policy.sha256), by_network.joined(by_rule)
        ),
        "agents": len(agent_seeds(experiment)),
    }
    return facts | judged(backtest, played.policies, tuned, trials, known), played


def agreement(met: Met) -> dict[str, Any]:
    """How often a rule does what the network does, at the decisions that the network met, after guards.

    Returns:
        `decisions`, `share`, `always_hold` (the share that doing nothing would have), and by action of the
        network `network` (its decisions), `rule` (the rule's) and `both` (at the same decision).
    """
    network, rule = met.effective(met.network), met.effective(met.rule)
    same = network == rule
    return {
        "decisions": len(same),
        "share": float(same.mean()),
        "always_hold": float((network == HOLD).mean()),
        "by_action": {
            name: {
                "network": int((network == i).sum()),
                "rule": int((rule == i).sum()),
                "both": int((same & (network == i)).sum()),
            }
            for i, name in enumerate(ACTIONS)
            if (network == i).any() or (rule == i).any()
        },
    }


def kept(rule: PolicyResult, network: PolicyResult) -> dict[str, Any]:
    """What a rule earns of what the network earns on the same trades.

    Returns:
        `difference`: rule minus network (`evaluate.compare`); `share`: of the network's net result, with
        interval, None where the network's own result cannot be told from zero or is a loss.
    """
    something = mean_per_trade(network.table).low > 0
    share = share_kept(rule.table, network.table).as_json() if something else None
    return {"difference": compare(rule.table, network.table).as_json(), "share": share}
