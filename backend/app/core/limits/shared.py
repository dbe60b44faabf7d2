"""Counts in Redis, shared by all processes: one script, one round trip for any number of charges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core import redis as connections
from app.core.clock import Clock
from app.core.limits.rules import (
    US_PER_SECOND,
    Allowance,
    Charge,
    Flow,
    Limit,
    Rate,
    Refusal,
    cost_of_flow,
    seconds_of,
)

# Redis' own clock, the same for all processes, unless ARGV[1] gives one. Redis runs a script as a
# whole: nobody comes in between. Whatever is kept expires when it means nothing any more. A clock
# that was set back takes what is kept along, so that it shuts nobody out until it is where it was.
# For each key four arguments: kind, two figures of the limit, the charge.
SCRIPT = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local is_back = ARGV[2] == 'back'
local function whole(number) return string.format('%.0f', number) end
local function flown(key)
  local paid, at = string.match(redis.call('GET', key) or '', '^(%S+) (%S+)$')
  return tonumber(paid or 0), tonumber(at or 0)
end
local function keep_flown(key, paid)
  local text = whole(paid) .. ' ' .. whole(now)
  redis.call('SET', key, text, 'PX', math.max(1, math.ceil((paid - now) / 1000)))
end
local function set_right(key, kind, most, figure)
  if kind == 'rate' then
    local ahead = tonumber(redis.call('LINDEX', key, -1) or 0) - now
    if ahead <= 0 then return end
    for index, time in ipairs(redis.call('LRANGE', key, 0, -1)) do
      redis.call('LSET', key, index - 1, whole(tonumber(time) - ahead))
    end
    redis.call('PEXPIRE', key, math.ceil(figure / 1000))
  elseif kind == 'flow' then
    local paid, at = flown(key)
    if at > now then keep_flown(key, paid - (at - now)) end
  end
end
local function wait(key, kind, most, figure, charge)
  if kind == 'rate' then
    local oldest = redis.call('LINDEX', key, -most)
    if not oldest then return 0 end
    return math.max(0, tonumber(oldest) + figure - now)
  elseif kind == 'flow' then
    local owed = math.max(0, flown(key) - now)
    if owed == 0 or owed + charge <= most then return 0 end
    return owed - math.max(0, most - charge)
  end
  local period = math.floor(now / figure)
  local known = redis.call('HMGET', key, 'period', 'used')
  local used = 0
  if known[1] and tonumber(known[1]) == period then used = tonumber(known[2]) end
  if used + charge <= most then return 0 end
  return (period + 1) * figure - now
end
local function apply(key, kind, most, figure, charge)
  if kind == 'rate' then
    redis.call('RPUSH', key, whole(now))
    redis.call('LTRIM', key, -most, -1)
    redis.call('PEXPIRE', key, math.ceil(figure / 1000))
  elseif kind == 'flow' then
    keep_flown(key, math.max((flown(key)), now) + charge)
  else
    local period = math.floor(now / figure)
    local known = redis.call('HMGET', key, 'period', 'used')
    local used = 0
    if known[1] and tonumber(known[1]) == period then used = tonumber(known[2]) end
    redis.call('HSET', key, 'period', whole(period), 'used', whole(math.max(0, used + charge)))
    redis.call('PEXPIRE', key, math.ceil(((period + 1) * figure - now) / 1000))
  end
end
local function each(act)
  for index, key in ipairs(KEYS) do
    local at = 4 * index - 1
    local charge = tonumber(ARGV[at + 3])
    local found = act(key, ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), charge)
    if found and found > 0 then return {index, whole(found)} end
  end
end
each(set_right)
if not is_back then
  local refused = each(wait)
  if refused then return refused end
end
each(apply)
return false
"""


class SharedLimiter:
    """A `Limiter` for threads, over the connections of this process.

    `clock` is for tests: without it Redis' own counts, which no process can have wrong.
    """

    def __init__(self, client: Any, *, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock
        self._script = client.register_script(SCRIPT)

    def take(self, *charges: Charge) -> Refusal | None:
        with connections.asking():
            reply = self._script(keys_of(charges), arguments_of(charges, self._clock))
        return refusal_of(reply, charges)

    def give_back(self, *charges: Charge) -> None:
        taken = [charge for charge in charges if not isinstance(charge.limit, Rate)]
        with connections.asking():
            self._script(keys_of(taken), arguments_of(taken, self._clock, is_back=True))

    def forget(self, limit: Limit, subject: str) -> None:
        with connections.asking():
            self._client.unlink(key_of(limit, subject))


class SharedLimiterOnLoop:
    """The same for one event loop."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._script = client.register_script(SCRIPT)

    async def take(self, *charges: Charge) -> Refusal | None:
        with connections.answering():
            reply = await self._script(keys_of(charges), arguments_of(charges, None))
        return refusal_of(reply, charges)

    async def give_back(self, *charges: Charge) -> None:
        taken = [charge for charge in charges if not isinstance(charge.limit, Rate)]
        with connections.answering():
            await self._script(keys_of(taken), arguments_of(taken, None, is_back=True))


def key_of(limit: Limit, subject: str) -> str:
    """Where a limit of a subject is counted."""
    return connections.key_of("limit", limit.name, subject)


def keys_of(charges: Sequence[Charge]) -> list[str]:
    """The keys of the script's call."""
    return [key_of(charge.limit, charge.subject) for charge in charges]


def arguments_of(
    charges: Sequence[Charge], clock: Clock | None, *, is_back: bool = False
) -> list[str | int]:
    """The arguments of the script's call."""
    arguments: list[str | int] = ["" if clock is None else clock.now_ns() // 1_000]
    arguments.append("back" if is_back else "take")
    for charge in charges:
        kind, most, figure, amount = _figures_of(charge)
        arguments += [kind, most, figure, -amount if is_back else amount]
    return arguments


def refusal_of(reply: Any, charges: Sequence[Charge]) -> Refusal | None:
    """What the script's answer says."""
    if reply is None:
        return None
    index, wait_us = reply
    return Refusal(charges[int(index) - 1].limit, seconds_of(int(wait_us)))


def _figures_of(charge: Charge) -> tuple[str, int, int, int]:
    match charge.limit:
        case Rate(most=most, seconds=seconds):
            return "rate", most, int(seconds * US_PER_SECOND), 1
        case Flow() as flow:
            burst_us, cost_us = cost_of_flow(flow, charge.amount)
            return "flow", burst_us, 0, cost_us
        case Allowance(most=most, seconds=seconds):
            return "allowance", most, seconds * US_PER_SECOND, charge.amount
