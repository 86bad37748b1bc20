"""F5, the time: is all of it in the times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..core.records import BackendIdentity, Disclosure, Severity, Verdict
from .attachments import list_attachments
from .evidence import Evidence, RunEvidence, warn
from .sessions import label_sessions
from .verdicts import make_verdict

__all__ = ["judge_times"]

#: what a clock and a busy loop may add
_CLOCK_SECONDS = 0.005
_LEAST_TRIP = 1e-3
#: claims of so many calls may be off
_FEW = 0.05
_LEAST_START = 0.5
_START_SHARE = 0.1
#: the first call of a function in so many times the longest of the others has done something else
_FIRST_TIMES = 3.0
_SLEPT_SECONDS = 2.0


def judge_times(run: RunEvidence) -> Verdict:
    """Compare the times of calls, taken around them, with those anybody else gives, and with what is possible.

    :param run: what was seen of the run
    """
    findings: list[Disclosure] = []
    doubts: list[str] = []
    evidence: dict[str, Any] = {}
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec)
        if identity.kind == "mock" or not len(rows):
            doubts.append(f"{identity.spec}: no time of a model was measured in this run")
            continue
        evidence[identity.spec] = _describe_parts(identity, rows)
        findings += _find_claims(identity, rows)
        findings += _find_impossible(identity, rows)
        for attached in list_attachments(identity):
            findings += _find_left_out(attached, rows)
    findings += _find_sleep(run)
    findings += _count_failures(run.incidents.failures, run.incidents.failed_seconds)
    evidence["cpu_seconds"] = round(sum(float(session.get("cpu", 0.0)) for session in run.sessions), 3)
    return make_verdict(
        "F5",
        findings,
        clean="every call was timed from before its request was sent to its last byte, waiting and retries included",
        unverified="; ".join(doubts),
        evidence=evidence,
    )


def _describe_parts(identity: BackendIdentity, rows: Evidence) -> dict[str, Any]:
    import numpy as np

    def middle(column: str) -> float | None:
        values = rows[column][np.isfinite(rows[column])]
        return round(float(np.median(values)), 6) if len(values) else None

    parts = {name: middle(name) for name in ("queued", "connect", "first_byte", "total", "claimed", "cpu")}
    return {
        **parts,
        "p95": round(float(np.quantile(rows["total"], 0.95)), 6),
        "server": middle("computed_seconds"),
        "round_trip": identity.evidence.get("round_trip"),
    }


def _find_claims(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    import numpy as np

    claimed, total = rows["claimed"], rows["total"]
    less = np.isfinite(claimed) & (claimed > 0)
    # of calls that were made again, only the last attempt's time is claimed
    less &= ~(rows["failures"] > 0)
    if less.sum() > _FEW * len(rows):
        message = (
            f"{identity.spec}: its provider says that calls took {np.median(claimed[less]):.3f} s, they took "
            f"{np.median(total[less]):.3f} s: its clock leaves something out (in {int(less.sum()):,} of {len(rows):,})"
        )
        yield warn("F5", message, {"claimed": float(claimed[less].sum()), "total": float(total[less].sum())})
    computed = rows["computed_seconds"]
    longer = computed > 1.05 * total + _CLOCK_SECONDS
    if longer.sum() > _FEW * len(rows):
        message = (
            f"{identity.spec}: the server says it computed for {np.median(computed[longer]):.3f} s in calls that took "
            f"{np.median(total[longer]):.3f} s: one of the clocks is wrong"
        )
        yield warn("F5", message, {"calls": int(longer.sum())})


def _find_impossible(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    import numpy as np

    total = rows["total"]
    spent = total - np.nan_to_num(rows["connect"])
    trip: Any = identity.evidence.get("round_trip")
    if trip and trip > _LEAST_TRIP and (sooner := int((spent < 0.8 * trip).sum())):
        message = (
            f"{identity.spec}: {sooner:,} of {len(rows):,} answers took less than the round trip to its host "
            f"({spent.min() * 1000:.1f} ms, {trip * 1000:.1f} ms)"
        )
        yield warn("F5", message, {"answers": sooner, "least": float(spent.min()), "round_trip": trip})
    parts = np.nan_to_num(rows["first_byte"])
    if (stopped := int((total == 0).sum())) and stopped > _FEW * len(rows):
        message = f"{identity.spec}: {stopped:,} of {len(rows):,} answers took no time: somebody stopped the clock"
        yield warn("F5", message, {"answers": stopped})
    wrong = (total < 0) | (parts < 0) | (rows["queued"] < 0)
    wrong |= (parts > total + _CLOCK_SECONDS) & ~(rows["failures"] > 0)
    if wrong.any():
        message = (
            f"{identity.spec}: {int(wrong.sum()):,} of {len(rows):,} times are negative or shorter than their parts"
        )
        yield warn("F5", message, {"answers": int(wrong.sum())})


def _find_left_out(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Start-up before the first call is in the wall time of the session and in no call's time."""
    import numpy as np

    imported: Any = identity.evidence.get("imported", {})
    seconds, started = float(imported.get("seconds", 0.0)), int(imported.get("processes", 0))
    calls = float(np.nansum(rows["total"]))
    yield from _find_first(identity, rows)
    if started or (seconds > _LEAST_START and seconds > _START_SHARE * calls):
        did = f" and started {started:,} processes" if started else ""
        message = (
            f"{identity.spec}: loading the function took {seconds:.2f} s{did}, which is in no call's time "
            f"(all calls together took {calls:.2f} s)"
        )
        yield warn("F5", message, {"seconds": seconds, "processes": started, "calls": calls})


def _find_first(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """The first call of all is made before the run: what it starts and loads is in no call's time either."""
    import numpy as np

    probes: Any = identity.evidence.get("probes", ())
    if not probes or not len(rows):
        return
    seconds, usual = float(probes[0]["seconds"] or 0.0), float(np.median(rows["total"]))
    processes = int(probes[0].get("processes") or 0)
    began = processes and not np.nansum(rows["processes"])
    if began or (seconds > _LEAST_START and seconds > _FIRST_TIMES * float(rows["total"].max())):
        did = f" and started {processes:,} processes" if began else ""
        message = (
            f"{identity.spec}: its first call, before the run, took {seconds:.2f} s{did}, the others {usual:.2f} s: "
            "what it began with is in no call's time"
        )
        # a server that loads its model when it is first asked is nobody's clock
        severity: Severity = "warning" if identity.url is None else "note"
        yield warn("F5", message, {"seconds": seconds, "processes": processes, "usual": usual}, severity)


def _find_sleep(run: RunEvidence) -> Iterator[Disclosure]:
    for label, session in zip(label_sessions(run.sessions), run.sessions, strict=True):
        steady = session.get("steady")
        if steady is None:
            continue
        wall = session["ended"] - session["started"]
        if abs(wall - steady) > max(_SLEPT_SECONDS, 0.01 * steady):
            message = f"{wall:,.1f} s{label} by the clock were {steady:,.1f} s: it was set, or the machine slept"
            yield warn("F5", message, {"wall": wall, "steady": steady})


def _count_failures(failures: Counter[str], seconds: float) -> Iterator[Disclosure]:
    """Attempts that failed took time and requests; both are counted, and said."""
    if not failures:
        return
    named = ", ".join(f"{cause} {count}" for cause, count in sorted(failures.items()))
    message = (
        f"{failures.total():,} requests failed ({named}); they and the waiting after them took {seconds:,.1f} s of "
        "calls, which are in the times"
    )
    yield warn("F5", message, {**failures, "seconds": round(seconds, 3)}, "note")
