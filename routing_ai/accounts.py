"""The book of accounts inside one transaction: budgets, their sums of the day, spends.

Plain SQL, because it is on the way of every call.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from routing_ai.models import Budget
from routing_ai.policy import prices
from routing_ai.policy.budget import Account, bounds, day_in, refusing
from routing_ai.policy.tiers import TierSpec

EVERYBODY = 0
# Characters of a reason that are kept.
REASON_LIMIT = 200

_BUDGETS = (
    "SELECT id, user_id, team_id, api_key_id, daily_limit, time_zone FROM routing_ai_budget"
    " WHERE (user_id IS NULL AND team_id IS NULL AND api_key_id IS NULL) OR user_id IN ({users})"
    " OR api_key_id IN ({keys}) OR team_id IN (SELECT group_id FROM {members} WHERE user_id IN ({users}))"
)
_ENTER = (
    "INSERT INTO routing_ai_spend (user_id, api_key_id, stream, created, renewed, state, tier, model, nano, best_nano,"
    " prompt_tokens, completion_tokens, reason)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"
)
_FOUND = (
    "SELECT id, nano, user_id, api_key_id, created FROM routing_ai_spend WHERE state = 'reserved' AND id IN ({numbers})"
)
_CLOSE = (
    "WITH given (id, state, nano, best, prompt, completion, reason) AS (VALUES {rows})"
    " UPDATE routing_ai_spend SET state = given.state, nano = given.nano, best_nano = given.best,"
    " prompt_tokens = given.prompt, completion_tokens = given.completion,"
    " reason = COALESCE(NULLIF(given.reason, ''), routing_ai_spend.reason)"
    " FROM given WHERE routing_ai_spend.id = given.id"
)


@dataclass(frozen=True, slots=True)
class Order:
    """A call about to be made: by whom, with which key, for which stream, why that tier."""

    user_id: int
    stream: UUID | None
    reason: str
    key_id: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call came to: its cost and what the best tier's would have been (10^-9 US dollars), tokens; and why that tier
    answered in the end, empty for what its order says."""

    nano: int
    best_nano: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reason: str = ""


class Closing(NamedTuple):
    """How a reservation ended: its number, `settled` or `released`, and what the call came to."""

    number: int
    state: str
    cost: Cost


class Limit(NamedTuple):
    """One budget as it counts now: its row, whose it is, its limit in 10^-9 US dollars, its day."""

    row: int
    name: str
    limit: int
    zone: str
    day: date
    who: str  # a condition on spends
    whose: int

    def account(self, used: int) -> Account:
        return Account(self.name, self.limit, used)


class Lost(NamedTuple):
    """A reservation whose process is gone, and how many tokens of answer it made room for."""

    number: int
    stream: Any
    model: str
    nano: int
    answer_tokens: int


class Book:
    """Reads and writes by `cursor` until `save`. `users` and `keys` are those whose budgets will be asked for: so they are
    read at once.

    With `reading` sums that are not kept are not kept afterwards either.
    """

    def __init__(
        self,
        connection: Any,
        cursor: Any,
        users: Iterable[int] = (),
        keys: Iterable[int] = (),
        *,
        reading: bool = False,
    ) -> None:
        self._reading = reading
        self._connection = connection
        self._cursor = cursor
        self._users = set(users)
        self._keys = set(keys)
        self.now = timezone.now()
        self._budgets: list[tuple[Any, ...]] | None = None
        self._teams: dict[int, set[int]] = {}
        self._used: dict[tuple[int, date], int] = {}
        self._changes: dict[tuple[int, date], int] = {}

    # -- budgets -----------------------------------------------------------------------------------------------

    def limits(self, user_id: int | None, key_id: int | None = None) -> list[Limit]:
        """Return the budgets that count for a user and a key now, that of everybody first."""
        unknown = not self._users.issuperset(_known(user_id)) or not self._keys.issuperset(_known(key_id))
        if self._budgets is None or unknown:
            self._users |= _known(user_id)
            self._keys |= _known(key_id)
            self._read_budgets()
        assert self._budgets is not None
        teams = self._teams.get(user_id, set()) if user_id is not None else set()
        everybody = self._limit(EVERYBODY, None, None, None, settings.LLM_DAILY_BUDGET, settings.TIME_ZONE)
        found = []
        for budget in self._budgets:
            _row, user, team, key, _dollars, _zone = budget
            if user is None and team is None and key is None:
                everybody = self._limit(*budget)
            elif user == user_id if user is not None else team in teams if team is not None else key == key_id:
                found.append(self._limit(*budget))
        return [everybody, *found]

    def _limit(self, row: int, user: int | None, team: int | None, key: int | None, dollars: Any, zone: str) -> Limit:
        name, who, whose = "everybody", "1 = 1", 0
        if user is not None:
            name, who, whose = "this user", "user_id = %s", user
        elif team is not None:
            name, whose = "this team", team
            who = f"user_id IN (SELECT user_id FROM {_members()} WHERE group_id = %s)"
        elif key is not None:
            name, who, whose = "this API key", "api_key_id = %s", key
        nano = int(Decimal(str(dollars)) * prices.NANO)
        return Limit(row, name, nano, zone, day_in(zone, self.now), who, whose)

    def account_of(self, budget: Budget) -> Account:
        """Return one budget, with what is used of it today."""
        limit = self._limit(
            budget.pk, budget.user_id, budget.team_id, budget.api_key_id, budget.daily_limit, budget.time_zone
        )
        return limit.account(self.used(limit))

    def _read_budgets(self) -> None:
        users = _marks(self._users)
        query = _BUDGETS.format(users=users, keys=_marks(self._keys), members=_members())
        self._cursor.execute(query, [*self._users, *self._keys, *self._users])
        self._budgets = self._cursor.fetchall()
        if any(row[2] is not None for row in self._budgets):
            self._cursor.execute(
                f"SELECT user_id, group_id FROM {_members()} WHERE user_id IN ({users})", list(self._users)
            )
            for user, team in self._cursor.fetchall():
                self._teams.setdefault(user, set()).add(team)

    def used(self, limit: Limit) -> int:
        """Return what counts against a budget today. A sum that is not kept yet is added up and kept."""
        key = (limit.row, limit.day)
        if key not in self._used:
            day = self._connection.ops.adapt_datefield_value(limit.day)
            self._cursor.execute(
                "SELECT nano FROM routing_ai_budgetday WHERE budget = %s AND day = %s", [limit.row, day]
            )
            row = self._cursor.fetchone()
            if row is None:
                row = (self._add_up(limit),)
                self._keep(limit.row, day, row[0])
                self._changes.pop(key, None)  # the sum has them
            self._used[key] = int(row[0]) + self._changes.get(key, 0)
        return self._used[key]

    def _keep(self, budget: int, day: Any, nano: int) -> None:
        if not self._reading:
            self._cursor.execute(
                "INSERT INTO routing_ai_budgetday (budget, day, nano) VALUES (%s, %s, %s)", [budget, day, nano]
            )

    def _add_up(self, limit: Limit) -> int:
        begin, end = bounds(limit.zone, limit.day)
        adapt = self._connection.ops.adapt_datetimefield_value
        whose = [limit.whose] if "%s" in limit.who else []
        self._cursor.execute(
            f"SELECT COALESCE(SUM(nano), 0) FROM routing_ai_spend WHERE created >= %s AND created < %s AND {limit.who}",
            [adapt(begin), adapt(end), *whose],
        )
        return int(self._cursor.fetchone()[0])

    def accounts(self, user_id: int | None, key_id: int | None = None) -> list[Account]:
        """Return the budgets that count for a user and a key, with what is used of them today."""
        return [limit.account(self.used(limit)) for limit in self.limits(user_id, key_id)]

    def refusing(self, user_id: int, key_id: int | None, nano: int) -> tuple[Account, float] | None:
        """Return the first budget that does not admit the amount, and the seconds until all that do not begin anew; None
        when all admit it."""
        against = [limit for limit in self.limits(user_id, key_id) if refusing([limit.account(self.used(limit))], nano)]
        if not against:
            return None
        end = max(bounds(limit.zone, limit.day)[1] for limit in against)
        return against[0].account(self.used(against[0])), max(1.0, (end - self.now).total_seconds())

    # -- spends ------------------------------------------------------------------------------------------------

    def enter(self, order: Order, spec: TierSpec, nano: int, answer_tokens: int) -> int:
        """Reserve, with room for that many tokens of answer, and return the number of the spend."""
        self._charge(order.user_id, order.key_id, self.now, nano)
        return self._insert(order, spec, "reserved", (nano, 0, 0, answer_tokens))

    def enter_settled(self, order: Order, spec: TierSpec, cost: Cost) -> None:
        """Write down a call that needed no reservation, because it is free."""
        values = (0, cost.best_nano, cost.prompt_tokens, cost.completion_tokens)
        self._insert(replace(order, reason=cost.reason or order.reason), spec, "settled", values)

    def _insert(self, order: Order, spec: TierSpec, state: str, values: tuple[Any, ...]) -> int:
        nano, best, prompt, completion = values
        now = self._connection.ops.adapt_datetimefield_value(self.now)
        stream: Any = order.stream
        if stream is not None and not self._connection.features.has_native_uuid_field:
            stream = stream.hex
        self._cursor.execute(
            _ENTER,
            [order.user_id, order.key_id, stream, now, now, state, spec.tier.value, spec.model[:128], nano, best,
             prompt, completion, order.reason[:REASON_LIMIT]],
        )  # fmt: skip
        return int(self._cursor.fetchone()[0])

    def close(self, closings: Iterable[Closing]) -> None:
        """Settle or release reservations; those that are closed already stay as they are. Two statements, however many."""
        wanted: dict[int, Closing] = {}
        for closing in closings:
            wanted.setdefault(closing.number, closing)
        if not wanted:
            return
        self._cursor.execute(_FOUND.format(numbers=_marks(wanted)), list(wanted))
        found = self._cursor.fetchall()
        if not found:
            return
        values: list[Any] = []
        for number, reserved, user_id, key_id, created in found:
            _, state, cost = wanted[number]
            tokens = cost.prompt_tokens, cost.completion_tokens
            values += [number, state, cost.nano, cost.best_nano, *tokens, cost.reason[:REASON_LIMIT]]
            self._charge(user_id, key_id, _moment(created), cost.nano - int(reserved))
        self._cursor.execute(_CLOSE.format(rows=", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(found))), values)

    def renew(self, numbers: list[int]) -> None:
        """Stamp reservations as alive now."""
        now = self._connection.ops.adapt_datetimefield_value(self.now)
        self._cursor.execute(
            f"UPDATE routing_ai_spend SET renewed = %s WHERE id IN ({_marks(numbers)})", [now, *numbers]
        )

    def lost(self, before: datetime) -> list[Lost]:
        """Return the reservations without a sign of life since `before`."""
        self._cursor.execute(
            "SELECT id, stream, model, nano, completion_tokens FROM routing_ai_spend"
            " WHERE state = 'reserved' AND renewed < %s",
            [self._connection.ops.adapt_datetimefield_value(before)],
        )
        return [Lost(*row) for row in self._cursor.fetchall()]

    def forget_days(self, before: date) -> None:
        """Drop the sums of days before `before`."""
        day = self._connection.ops.adapt_datefield_value(before)
        self._cursor.execute("DELETE FROM routing_ai_budgetday WHERE day < %s", [day])

    def _charge(self, user_id: int, key_id: int | None, at: datetime, nano: int) -> None:
        """Count an amount against all budgets that count for a user and a key, on the day that `at` is in each."""
        for limit in self.limits(user_id, key_id):
            key = (limit.row, day_in(limit.zone, at))
            self._changes[key] = self._changes.get(key, 0) + nano
            if key in self._used:
                self._used[key] += nano

    def save(self) -> None:
        """Write the sums that changed."""
        adapt = self._connection.ops.adapt_datefield_value
        rows = [(nano, budget, adapt(day)) for (budget, day), nano in self._changes.items() if nano]
        if rows:
            self._cursor.executemany(
                "UPDATE routing_ai_budgetday SET nano = nano + %s WHERE budget = %s AND day = %s", rows
            )


def _moment(value: Any) -> datetime:
    """Return the time that a database gave: SQLite gives text in UTC."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _known(number: int | None) -> set[int]:
    return set() if number is None else {number}


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values) or "NULL"


def _members() -> str:
    """Return the table that says who is in which group."""
    return str(get_user_model().groups.through._meta.db_table)
