"""F3 for models that are functions in this process: what they did, against what they claim to be."""

from __future__ import annotations

from typing import Any

from ..core.records import BackendIdentity, Disclosure
from ..providers.canary import is_proof
from .answers import find_constant, find_frame
from .evidence import Evidence, warn

__all__ = ["judge_function"]

#: seconds of CPU a call that could have been a model in this process takes at least
_COMPUTING = 0.01


def judge_function(identity: BackendIdentity, rows: Evidence) -> tuple[str, str, list[Disclosure]]:
    """Return what proves a function to have asked a real backend, what leaves it in doubt, and findings.

    :param identity: the function
    :param rows: of that model, fresh ones
    """
    import numpy as np

    imported: Any = identity.evidence.get("imported", {})
    probes: Any = identity.evidence.get("probes", ())
    opened = (
        int(np.nansum(rows["opened"])) + int(imported.get("opened", 0)) + sum(probe["opened"] or 0 for probe in probes)
    )
    started = int(np.nansum(rows["processes"])) + int(imported.get("processes", 0))
    reads = any(map(is_proof, probes))
    findings = list(find_constant(identity, rows, reads_prompts=reads))
    told = [probe for probe in probes if not probe["empty"]]
    if len(told) > 1 and all(probe["echoed"] for probe in told):
        findings.append(warn("F3", f"{identity.spec}: it gives questions back as answers: an echo, not a model"))
    findings += find_frame(identity, rows)
    did = _describe(opened, started, int(np.nansum(rows["files"])))
    claims = _list_claims(identity, rows)
    if claims and len(told) > 1 and not any(probe["repeated"] for probe in told):
        said = " and ".join(repr(probe["text"][:40]) for probe in told[:2])
        message = (
            f"{identity.spec}: it claims {', '.join(claims)}, but asked {len(told)} times before the run to repeat a "
            f"number, it answered {said}: its answers do not depend on what it is asked"
        )
        said_all = [probe["text"] for probe in told]
        findings.append(warn("F3", message, {"claims": claims, "answers": said_all}, "critical"))
    hidden = [str(name) for name in imported.get("hidden", ())]
    if not opened and not started and claims and not hidden:
        cpu = float(np.nanmedian(rows["cpu"])) if np.isfinite(rows["cpu"]).any() else None
        if cpu is not None and cpu < _COMPUTING:
            message = (
                f"{identity.spec}: it claims {', '.join(claims)}, but it {did} and computed {cpu * 1000:.2f} ms a "
                "call: no model was asked"
            )
            findings.append(warn("F3", message, {"claims": claims, "cpu": cpu}, "critical"))
    if (opened or started) and reads:
        return f"{identity.spec}: the function {did}, and its answers depend on what it is asked", "", findings
    why = f" ({', '.join(hidden)} may open connections that Python does not see)" if hidden else ""
    doubt = f"{identity.spec} is a function that {did}{why}; whether a model stands behind it cannot be seen"
    return "", doubt, findings


def _list_claims(identity: BackendIdentity, rows: Evidence) -> list[str]:
    """Return what a function says that only a model could have told it."""
    import numpy as np

    claims = []
    if identity.served_model != identity.requested_model:
        claims.append(f"that {identity.served_model!r} answered")
    if np.isfinite(rows["output_tokens"]).any():
        claims.append("token counts")
    if (rows["response"] != 0).any() or identity.fingerprint:
        claims.append("a server's response ids" if (rows["response"] != 0).any() else "a fingerprint")
    return claims


def _describe(opened: int, started: int, files: int) -> str:
    parts = [f"opened {opened:,} connections" if opened else "opened no connection"]
    parts += [f"started {started:,} processes" if started else "started no process"]
    parts += [f"read {files:,} files"] if files else []
    return ", ".join(parts[:-1]) + " and " + parts[-1]
