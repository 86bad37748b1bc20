"""What the tests of rates and budgets share: a clock and an alarm that go by hand, and what was replied."""

from collections.abc import Callable

from pytest_lleval.core.records import Usage
from pytest_lleval.core.settings import Settings
from pytest_lleval.execution.pacing import Alarm
from pytest_lleval.execution.prices import Price
from pytest_lleval.execution.quota import Need, Quota

MODEL = "openai/gpt-4o"
#: one dollar for a million input tokens, two for a million output tokens
PRICES = {MODEL: Price(input=1.0, cached_input=0.5, output=2.0)}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class HeldAlarm(Alarm):
    """Says when it would ring, and rings when it is told to."""

    at: float | None = None
    sets = 0

    def __init__(self, ring: Callable[[], None], clock: Clock) -> None:
        super().__init__(ring)
        self.ring = ring
        self.clock = clock

    def set(self, seconds: float) -> None:
        self.at = self.clock() + seconds
        self.sets += 1


class Answers:
    """What was replied, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[int, str | None]] = []

    def __call__(self, ticket: int, refusal: str | None) -> None:
        self.all.append((ticket, refusal))

    @property
    def granted(self) -> list[int]:
        return [ticket for ticket, refusal in self.all if refusal is None]

    @property
    def refused(self) -> list[int]:
        return [ticket for ticket, refusal in self.all if refusal is not None]


def make_paced(clock: Clock, **limits: object) -> tuple[Quota, HeldAlarm]:
    alarms: list[HeldAlarm] = []

    def make_alarm(ring: Callable[[], None]) -> Alarm:
        alarms.append(HeldAlarm(ring, clock))
        return alarms[0]

    quota = Quota(Settings(**limits), PRICES, clock=clock, make_alarm=make_alarm)
    return quota, alarms[0]


def make_budgeted(**limits: object) -> Quota:
    return make_paced(Clock(), **limits)[0]


def need(input_tokens: int = 10, output_tokens: int | None = 10) -> Need:
    return Need(model=MODEL, input_tokens=input_tokens, output_tokens=output_tokens)


def used(input_tokens: int | None, output_tokens: int | None) -> Usage:
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)
