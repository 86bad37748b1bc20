"""What the six factors find: planted faults, their clean twins, and sessions with nothing wrong in them.

Every arrangement is a pytest session of its own in a folder of its own, against a server that leaves the traces of a
model (``planted/believable.py``); what is planted stands before, in or beside it. The verdicts are read from the run's
``report.json``.

    trust.py [--only F1 …] [--names NAME …]     the arrangements and their twins
    trust.py --clean 200                        so many clean sessions, of all kinds in turn

A verdict on the machine is wrong to be clean while others use it. The bench reads the CPU time of the machine itself,
and repeats a session during which others took more than a tenth of it. The exit status is 1 when a planted fault is
missed, or a clean session or twin is flagged.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil
from planted import backend_faults, machine_faults, model_faults, prompt_faults, time_faults, token_faults  # noqa: F401
from planted.clean import CLEAN
from planted.serving import Servers
from planted.stage import FACTORS, Arrangement, Found, Stage, list_arrangements

_TRIES = 4
#: half seconds to wait for a machine of which others use less than so many percent
_PATIENCE, _CALM = 120, 20.0


class Judged(NamedTuple):
    """One arrangement with its twin."""

    arrangement: Arrangement
    planted: Found
    twin: Found

    @property
    def caught(self) -> bool:
        """Whether the factor says what it should of the planted fault."""
        return self.planted.states[self.arrangement.factor] == self.arrangement.expected

    @property
    def alarmed(self) -> bool:
        """Whether the factor is flagged without the fault."""
        return self.twin.states[self.arrangement.factor] in ("flagged", "failed") and not self.excused

    @property
    def excused(self) -> bool:
        """Whether it is the machine that is flagged, and others really used it, try after try."""
        return self.arrangement.factor == "E" and self.twin.disturbed


def run_stage(set_up: Callable[[Stage], Found], *, calm: bool) -> Found:
    """Run sessions in a folder of their own.

    :param calm: run them again while others use the machine
    """
    for _ in range(_TRIES):
        if calm:
            wait_calm()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Servers() as servers:
            try:
                found = set_up(Stage(folder=Path(folder), servers=servers))
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                found = Found(states=dict.fromkeys(FACTORS, "failed"), messages=dict.fromkeys(FACTORS, str(error)))
        if not calm or not found.disturbed or found.states.get("E") != "flagged":
            break
    return found


def wait_calm() -> None:
    """Wait until others leave the machine alone, but not for ever."""
    for _ in range(_PATIENCE):
        if psutil.cpu_percent(0.5) < _CALM:
            break


def judge(arrangement: Arrangement, *, hurry: bool) -> Judged:
    calm = arrangement.factor == "E" and not hurry
    planted = run_stage(lambda stage: arrangement.set_up(stage, True), calm=False)
    return Judged(arrangement, planted, run_stage(lambda stage: arrangement.set_up(stage, False), calm=calm))


def print_judged(judged: Judged) -> None:
    arrangement, factor = judged.arrangement, judged.arrangement.factor
    wrong = "" if judged.caught and not judged.alarmed else "  <<<"
    states = f"{judged.planted.states[factor]}, twin {judged.twin.states[factor]}"
    print(f"{factor:<3} {arrangement.name:<28} {states}{wrong}\n      {arrangement.title}", flush=True)
    print(f"      planted: {judged.planted.messages[factor][:300]}", flush=True)
    if judged.twin.states[factor] != "clean":
        used = f" (others used {judged.twin.others:.0%} of the machine)" if judged.excused else ""
        print(f"      twin: {judged.twin.messages[factor][:300]}{used}", flush=True)


def run_arrangements(arrangements: list[Arrangement], jobs: int, *, hurry: bool) -> bool:
    """Run arrangements, print what was found, and tell whether all was as it should be."""
    seen: list[Judged] = []
    with ThreadPoolExecutor(jobs) as pool:
        for judged in pool.map(partial(judge, hurry=hurry), arrangements):
            seen.append(judged)
            print_judged(judged)
    print(f"\n{'factor':<8}{'planted':>8}{'caught':>8}{'recall':>8}{'twins':>8}{'alarms':>8}{'clean':>8}")
    for factor in FACTORS:
        own = [judged for judged in seen if judged.arrangement.factor == factor]
        if own:
            caught, alarms = sum(judged.caught for judged in own), sum(judged.alarmed for judged in own)
            clean = sum(judged.twin.states[factor] == "clean" for judged in own)
            row = f"{len(own):>8}{caught:>8}{caught / len(own):>8.0%}{len(own):>8}{alarms:>8}{clean:>8}"
            print(f"{factor:<8}{row}")
    return all(judged.caught and not judged.alarmed for judged in seen)


def run_clean(count: int) -> bool:
    """Run clean sessions of all kinds in turn, and tell whether none was flagged."""
    alarms: Counter[str] = Counter()
    states: Counter[tuple[str, str]] = Counter()
    for number, (name, set_up) in enumerate(islice(cycle(CLEAN.items()), count), 1):
        found = run_stage(set_up, calm=True)
        states.update(found.states.items())
        flagged = [factor for factor, state in found.states.items() if state in ("flagged", "failed")]
        if "E" in flagged and found.disturbed:
            flagged.remove("E")
            states["E", "in use"] += 1
        alarms.update(flagged)
        for factor in flagged:
            print(f"{number:>4} {name}: {factor} {found.messages[factor]} (others {found.others:.0%})", flush=True)
    print(f"\n{'factor':<8}{'sessions':>9}{'clean':>8}{'unverified':>12}{'in use by others':>18}{'false alarms':>14}")
    for factor in FACTORS:
        seen = f"{states[factor, 'clean']:>8}{states[factor, 'unverified']:>12}{states[factor, 'in use']:>18}"
        print(f"{factor:<8}{count:>9}{seen}{alarms[factor]:>14}")
    return not alarms


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=FACTORS, default=list(FACTORS), metavar="FACTOR")
    parser.add_argument("--names", nargs="+", help="arrangements to run; all by default")
    parser.add_argument("--clean", type=int, metavar="N", help="run N clean sessions instead")
    parser.add_argument("--jobs", type=int, default=1, help="arrangements at once; more than one disturb each other")
    parser.add_argument("--hurry", action="store_true", help="do not wait for a machine that nobody else uses")
    parser.add_argument("--list", action="store_true", help="print the arrangements and run none")
    return parser.parse_args()


def main() -> int:
    parsed = read_options()
    chosen = [each for each in list_arrangements() if each.factor in parsed.only]
    if parsed.names:
        chosen = [each for each in chosen if each.name in parsed.names]
    if parsed.list:
        print("\n".join(f"{each.factor} {each.name}: {each.title}" for each in chosen))
        return 0
    good = run_clean(parsed.clean) if parsed.clean else run_arrangements(chosen, parsed.jobs, hurry=parsed.hurry)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
