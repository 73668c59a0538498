"""What `--json` prints: every key of every command, in the one table that docs and tests read.

`[]` stands for each entry of a list, `<…>` for a name that is data. Keys are only ever added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AGE: Final = {"age_seconds": "how old the answer is"}

JSON_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "me": {
        "id": "the account's number",
        "username": "the account's name",
        "scopes[]": "what the key may do",
        "key_name": "what the key is called in the dashboard",
        "key": "the key, masked",
        "balances_bytes.<pool>": "what the pool has, by this call",
        **_AGE,
    },
    "pools": {
        "pools[].id": "what an order calls it",
        "pools[].label": "what people call it",
        "pools[].host": "its gateway",
        "pools[].proxy_types[]": "what it offers",
        "pools[].extra": "fields that newer versions of the API add",
        "targeting.countries[]": "values of `--country`",
        "targeting.us_states[]": "values of `--state`",
        "targeting.session_minutes_min": "the shortest session",
        "targeting.session_minutes_max": "the longest session",
        "targeting.carriers[]": "mobile carriers; no order can name one yet",
        "targeting.extra": "fields that newer versions of the API add",
        "extra": "fields that newer versions of the API add",
        **_AGE,
    },
    "balance": {
        "balances_bytes.<pool>": "the provider's number",
        "spent_since_bytes.<pool>": "what crawls of this machine spent since it was read",
        "left_bytes.<pool>": "the difference; `--fail-below` judges it",
        "below[]": "pools with less than `--fail-below`",
        **_AGE,
    },
    "usage": {
        "top_domains[].domain": "a domain, most bytes first",
        "top_domains[].bytes": "its bytes, for the whole account",
        "top_domains[].requests": "its requests",
        **_AGE,
    },
    "limits": {
        "<window>.limit": "calls in any rolling minute; windows are `generate` and `reads`",
        "<window>.free": "calls that may be made right now",
        "<window>.used": "slots this machine holds",
        "<window>.foreign": "slots that other machines with this key seem to hold",
        "<window>.next_slot_seconds": "0 when one is free; null when not known",
        "<window>.holders.<name>": "slots held by whom: `monitor`, `crawl books`, `rf`",
    },
    "crawls": {
        "crawls[].id": "unique for this run",
        "crawls[].spider": "the spider's name",
        "crawls[].project": "the Scrapy project's name",
        "crawls[].state": "`running`, or why it ended; `lost` when its process went without a word",
        "crawls[].host": "the machine it runs on",
        "crawls[].pid": "its process",
        "crawls[].pool": "the pool it drains",
        "crawls[].started_at": "Unix seconds",
        "crawls[].updated_at": "when it was last heard of",
        "crawls[].finished_at": "null while it runs",
        "crawls[].finish_reason": "Scrapy's or ours; null while it runs",
        "crawls[].wire_bytes": "billed bytes, both ways",
        "crawls[].up_bytes": "billed bytes sent",
        "crawls[].down_bytes": "billed bytes received",
        "crawls[].unbilled_bytes": "bytes of exchanges the gateway refused itself",
        "crawls[].requests": "requests sent through the gateway",
        "crawls[].pending_requests": "known and not done yet; null when not known",
        "crawls[].direct_requests": "requests sent from the machine's own address, on purpose",
        "crawls[].failures.<verdict>": "failures by verdict",
        "crawls[].exits": "exits asked for",
        "crawls[].live_proxies": "credentials in use",
        "crawls[].bytes_per_second": "over the last few seconds it was heard of",
        "crawls[].domains[].pool": "where the bytes went: the pool",
        "crawls[].domains[].domain": "the domain",
        "crawls[].domains[].up_bytes": "bytes sent there",
        "crawls[].domains[].down_bytes": "bytes received from there",
        "crawls[].domains[].requests": "requests to it",
        "crawls[].backoffs.<domain>": "seconds it is still left alone",
    },
    "forecast": {
        "pools.<pool>.state": "`measuring`, `idle` or `draining`",
        "pools.<pool>.left_bytes": "what is left by both meters",
        "pools.<pool>.bytes_per_second": "what leaves the pool now",
        "pools.<pool>.source": "`provider` or `crawls`: whose count that is",
        "pools.<pool>.runway": "null while nothing can be said",
        "pools.<pool>.runway.low_seconds": "how long it lasts at least, nine times out of ten",
        "pools.<pool>.runway.seconds": "how long it lasts, as likely more as less",
        "pools.<pool>.runway.high_seconds": "how long it lasts at most, nine times out of ten",
        "crawls[].id": "a running crawl",
        "crawls[].spider": "the spider's name",
        "crawls[].pool": "the pool it drains",
        "crawls[].pending_requests": "known and not done yet; null when not known",
        "crawls[].need_bytes": "what those will take, at what one has taken so far",
        "crawls[].chance": "how likely the pool is enough for them, from 0 to 1",
        **_AGE,
    },
    "relay": {
        "address": "where it listens, without the secret",
        "port": "its port on 127.0.0.1",
        "env_file": "the file with the way in, mode 0600",
        "pid": "its process",
        "pool": "the pool that pays",
        "url": "the proxy URL with its secret; with `--print-url` only",
    },
}
"""Command → key → what it says. Bytes are integers, times Unix seconds."""
