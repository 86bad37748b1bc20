"""The frozen records that travel between the layers.

All are keyword-only and immutable. Times are in seconds, sizes in tokens, values of scores in 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "OTHERS",
    "BackendIdentity",
    "Case",
    "Completion",
    "Disclosure",
    "Exchange",
    "Factor",
    "FactorState",
    "FailedAttempt",
    "Generation",
    "Message",
    "Record",
    "Request",
    "Sample",
    "Score",
    "SeedCheck",
    "Timing",
    "TokenLogprob",
    "Trace",
    "Usage",
    "Verdict",
]

RequestKind = Literal["chat", "completion"]
StopReason = Literal["stop", "length", "refused", "tool", "unknown"]
BackendKind = Literal["real", "mock", "callable"]
Outcome = Literal["scored", "unscored"]
#: in the evidence of an identity: what else was seen of it, in other sessions of a run that was put together
OTHERS = "others"
#: `decided`: not asked any more, since all gates of its suite were decided
Cause = Literal["error", "refused", "budget", "judge", "decided"]
Severity = Literal["note", "warning", "critical"]
Factor = Literal["F1", "F2", "F3", "F4", "F5", "E"]
FactorState = Literal["clean", "flagged", "unverified"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One record of a dataset.

    `id` is unique in its dataset and stable between editions; `group` is e.g. the MMLU subject;
    `target` is the right answer, several where any of them will do; `metadata` holds further columns.
    """

    id: str
    input: str
    target: str | tuple[str, ...] = ""
    choices: tuple[str, ...] = ()
    group: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def cluster(self) -> str:
        """What makes samples depend on each other, e.g. the text they all ask about: the column of that name."""
        return str(self.metadata.get("cluster") or "")

    @property
    def targets(self) -> tuple[str, ...]:
        """All accepted answers."""
        return (self.target,) if isinstance(self.target, str) else self.target


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """Sampling parameters of a request; `None` leaves a parameter to the server and is not sent."""

    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    #: how many alternatives per token to return with their log probabilities; 0 asks for none
    top_logprobs: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked of a model: chat messages, or a bare prompt for the completions protocol."""

    messages: tuple[Message, ...] = ()
    prompt: str = ""
    generation: Generation = Generation()

    @property
    def kind(self) -> RequestKind:
        """The protocol this request needs."""
        return "chat" if self.messages else "completion"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenLogprob:
    """One output token with its log probability (natural) and the alternatives the server returned."""

    token: str
    logprob: float
    top: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens as the server reports them; `None` where it reports nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    #: input tokens the server took from a prompt cache
    cached_tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Seconds of one call: waiting for a free connection, connecting, to the first byte, in all.

    `total` runs from before the request was sent to after its last byte, retries and back-off included; `queued`
    comes before it. `None` where the transport cannot tell.
    """

    queued: float = 0.0
    connect: float | None = None
    first_byte: float | None = None
    total: float = 0.0
    #: of an answer that came in pieces: until the first and until the last piece with text, from before it was sent
    first_token: float | None = None
    last_token: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What was seen of one call from outside, whatever the provider says of it; `None` where nobody could look."""

    #: sha256 of the prompt as it left the process, in canonical form
    prompt: str | None = None
    #: what left the process otherwise than it was asked for, as JSON values: ``prompt`` and ``sampling``
    altered: Mapping[str, Any] = field(default_factory=dict)
    #: bytes of the bodies
    sent: int | None = None
    received: int | None = None
    #: connections opened for this call
    opened: int | None = None
    #: where connections were opened to, processes that were started and files that were read by a function's call
    peers: tuple[str, ...] = ()
    processes: int | None = None
    files: int | None = None
    #: seconds of CPU a function's own thread has taken
    cpu: float | None = None
    #: seconds the provider says the call took, where they are fewer than it did take
    claimed: float | None = None
    #: when the server says it made the answer, in seconds since 1970
    created: float | None = None
    #: tokens and seconds of the server's own counters
    computed_tokens: int | None = None
    computed_seconds: float | None = None
    #: our own counts of what was asked and answered, of a few calls
    counted_input: int | None = None
    counted_output: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedCheck:
    """What asking the same again with the same seed has shown."""

    same_text: bool
    #: the largest difference of a token's log probability; None where there are none to compare
    logprob_difference: float | None = None
    #: the second answer, where it is another
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What came back from a model."""

    text: str
    #: the model id the server says has answered
    model: str
    fingerprint: str | None = None
    response_id: str | None = None
    stop_reason: StopReason = "unknown"
    usage: Usage = Usage()
    timing: Timing = Timing()
    logprobs: tuple[TokenLogprob, ...] = ()
    #: from the response cache, of an earlier run, instead of from the model
    cached: bool = False
    #: what was seen of the call from outside; None where nobody looked
    trace: Trace | None = None
    #: seconds the server asks to wait before it is sent more; a hint for the engine, not recorded
    hold: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedAttempt:
    """One attempt of a call that failed and was made again, or was the last: why, and what it cost in seconds."""

    error: str
    status: int | None = None
    #: from before it was sent until it had failed
    seconds: float = 0.0
    #: from its failure until the next attempt was sent; 0 for the last
    waited: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One of several calls a test has made in one case."""

    request: Request
    #: None where no answer could be had
    completion: Completion | None = None
    #: as of a `Record`
    failures: tuple[FailedAttempt, ...] = ()
    #: seconds since 1970
    started: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A value in 0..1 by a named scorer, with the answer it read and why."""

    name: str
    value: float
    answer: str | None = None
    explanation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Disclosure:
    """One finding that makes a number doubtful; sticks to the numbers it concerns.

    `factor` is F1..F5 or E (environment) of the trust layer, S for the seeds, D for the dataset, A for the answers.
    """

    factor: str
    severity: Severity
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one factor of the trust layer says of a run, with all its findings and the evidence it looked at."""

    factor: Factor
    state: FactorState
    #: one plain sentence
    message: str
    disclosures: tuple[Disclosure, ...] = ()
    #: JSON values
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendIdentity:
    """Who answers for a model, as seen when it was attached."""

    #: the model as the user named it, e.g. ``local/smollm2-135m``
    spec: str
    provider: str
    kind: BackendKind
    requested_model: str
    served_model: str
    #: where it answers, without credentials
    url: str | None = None
    fingerprint: str | None = None
    server: str | None = None
    context_tokens: int | None = None
    #: e.g. digest of the model file, quantisation, slots
    details: Mapping[str, object] = field(default_factory=dict)
    #: what was seen when it was attached: its answer to the probe, the round trip to its host
    evidence: Mapping[str, object] = field(default_factory=dict)
    disclosures: tuple[Disclosure, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One sample asked of one model: one pytest item."""

    #: the pytest node id, the key of everything recorded about the case
    id: str
    suite: str
    model: str
    sample: Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One line of the journal: what became of one epoch of one case."""

    case: str
    suite: str
    sample: str
    group: str
    #: the model as the user named it
    model: str
    epoch: int
    outcome: Outcome
    cause: Cause | None = None
    error: str = ""
    scores: tuple[Score, ...] = ()
    request: Request | None = None
    completion: Completion | None = None
    #: the attempts that failed, in order; the one that succeeded is not among them
    failures: tuple[FailedAttempt, ...] = ()
    #: what a second request of the same has shown, where one was made
    seed_check: SeedCheck | None = None
    #: factors of the trust layer that this very answer makes doubtful
    flags: tuple[str, ...] = ()
    #: samples of one cluster, e.g. the questions on one text, are not independent; empty for those that are
    cluster: str = ""
    target: tuple[str, ...] = ()
    worker: str = "main"
    #: seconds since 1970 when the epoch was begun; waiting for a free connection comes first
    started: float = 0.0
    #: of a test that has asked more than once: the calls before the one of `request` and `completion`
    earlier: tuple[Exchange, ...] = ()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All calls with their requests, in order; the last one is that of the record itself."""
        if self.request is None:
            return self.earlier
        last = Exchange(request=self.request, completion=self.completion, failures=self.failures, started=self.started)
        return (*self.earlier, last)

    @property
    def primary(self) -> Score | None:
        """The score the suite's accuracy is made of: the first one."""
        return self.scores[0] if self.scores else None
