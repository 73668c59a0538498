"""Every statement of the API and how the sandbox reads it: one row an id, never renumbered.

`sandbox` is empty where a statement asks something of clients alone. The other readings of a row
are the switches that name its id.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    id: str
    says: str
    sandbox: str = ""


ROWS = tuple(
    Row(*row)
    for row in (
        # Transport, authentication, scopes
        ("C-001", "everything is under `/api/v1`", "served there, with TLS and in plaintext"),
        ("C-002", "HTTPS only", "TLS by a throw-away authority; plaintext on loopback"),
        ("C-003", "how plaintext is rejected is not said", "served"),
        ("C-004", "OpenAPI 3.1 at `/api/v1/openapi.json`", "written from the tables that validate"),
        ("C-005", "whether that document needs a key", "open; headers of a window only with a key"),
        ("C-006", "bodies are JSON", "sent as `application/json`; any other request type is 400"),
        ("C-007", "answers have a top-level key", "always an object: the resource, or `error`"),
        ("C-008", "a bearer token on every request", "scheme in any case, exactly one token"),
        ("C-009", "keys start with `rf_live_`", "only such keys are made"),
        ("C-010", "white space after a key", "another key, hence unknown: 401"),
        ("C-011", "a token without `Bearer`", "401, and so are `Basic` and nothing"),
        (
            "C-012",
            "a secret is shown once; ten keys at most",
            "the eleventh is refused; revoking frees",
        ),
        ("C-013", "revoked keys are refused instantly", "at the next call, and in mid-answer"),
        ("C-014", "three scopes, fixed when a key is made", "set by control when it is made"),
        ("C-015", "`/me` takes any valid key", "needs no scope"),
        ("C-016", "the API cannot make or revoke keys", "no such route: 404"),
        ("C-017", "`/me` shows balances to every key", "without `usage:read` as well"),
        ("C-018", "a missing scope is 403 and named", "`insufficient_scope`"),
        ("C-019", "a suspended account is 403", "`account_disabled`, from the next call on"),
        ("C-020", "where suspension is told", "by every endpoint"),
        ("C-021", "which of several errors is told", "401, suspended, 429, scope, 400, 404"),
        ("C-022", "the variable `RF_API_KEY`"),
        ("C-023", "`/me` shows prefix and last four", "the real ones"),
        # POST /proxies, request
        ("C-030", "scope `proxies:generate`, group generate", "enforced"),
        ("C-031", "every field is optional", "`{}` is an order"),
        ("C-032", "an order without a body", "the same as `{}`"),
        ("C-033", "requests in camelCase, answers in snake_case", "exactly these names"),
        ("C-034", "unknown fields", "ignored"),
        ("C-035", "no pool is the default pool", "named in the answer"),
        ("C-036", "which pool that is", "the first"),
        ("C-037", "countries in lower case", "any other is 400"),
        ("C-038", "the country of an order without one", "null"),
        ("C-039", "1 to 250,000 lines, 5,000 without a word", "anything else is 400"),
        ("C-040", "integers in JSON Schema", "10.0 is one"),
        ("C-041", "four proxy types", "any other is 400"),
        ("C-042", "types that a pool does not offer", "400"),
        ("C-043", "a default type that a pool does not offer", "400"),
        ("C-044", "sessions of 1 to 1,440 minutes", "the range that `/pools` shows"),
        ("C-045", "rotating types ignore the session", "whatever it is"),
        ("C-046", "a sticky order without minutes", "the pool's own"),
        ("C-047", "states with country us only", "400 otherwise"),
        ("C-048", "states in lower case", "400"),
        ("C-049", "targeting is not to be hard-coded", "changed live, validated as it is"),
        ("C-050", "carriers without a parameter", "listed, and never taken"),
        ("C-051", "a listed country that a pool does not have", "400 from that pool"),
        ("C-052", "one large order rather than many"),
        ("C-053", "generating costs no bytes", "balances do not move"),
        # POST /proxies, answer
        ("C-060", "six fields", "exactly these"),
        ("C-061", "a text, or an array for json", "by the format asked for"),
        ("C-062", "`host:port:username:password` lines", "no line feed at the end"),
        ("C-063", "`:` and `@` in passwords", "never"),
        ("C-064", "`user:pass@host:port` lines", "written as the text says"),
        ("C-065", "objects with a port that is a number", "so"),
        ("C-066", "count is the number of entries", "equal"),
        ("C-067", "fewer entries than asked for", "never"),
        ("C-068", "demo credentials are a 200", "same shape, never working"),
        ("C-069", "whose zero balance makes them", "the pool's"),
        ("C-070", "what the gateway says to them", "407"),
        ("C-071", "a top-up ends them", "from the next order on"),
        ("C-072", "whether lines are distinct", "every user name is new"),
        ("C-073", "the shape of user names", "`pool-type-country-state-minutes-serial`"),
        ("C-074", "the proxy protocol", "HTTP: absolute form and CONNECT"),
        ("C-075", "credentials as a URL"),
        ("C-076", "the format is said again", "the one asked for"),
        ("C-077", "a quarter of a million entries", "streamed in pieces"),
        ("C-078", "compression", "gzip for those who ask"),
        ("C-079", "the port is in the entries alone", "the gateway's"),
        # GET /balance, /usage, /pools, /me
        ("C-090", "balances by pool, in GB", "of every pool in reach"),
        ("C-091", "four decimals", "half to even, `6.0`"),
        ("C-092", "a GB is 1,073,741,824 bytes", "so"),
        ("C-093", "endpoints list different pools", "the same everywhere"),
        ("C-094", "negative or null balances", "what it is, from 0 down"),
        ("C-095", "1 to 100 domains, 25 without a word", "anything else is 400"),
        ("C-096", "a limit out of range", "`invalid_request`"),
        ("C-097", "how far back usage goes", "to the beginning"),
        ("C-098", "the order of domains", "by bytes, then by name"),
        ("C-099", "whose usage it is", "the account's, all pools and keys"),
        ("C-100", "what a domain is", "the host asked for, in lower case, without a port"),
        ("C-101", "pools, and what may be asked of them", "as they are at the moment"),
        ("C-102", "discovery at the start"),
        ("C-103", "caching of `/pools`", "nothing is said of it"),
        ("C-104", "empty lists", "possible"),
        ("C-105", "`/me` says who and with which key", "five fields"),
        ("C-106", "401 on `/me` is final", "a key that is unknown stays so"),
        ("C-107", "no pagination", "none"),
        ("C-108", "other methods and paths", "405 with `Allow`, 404, both with an envelope"),
        # Rate limits
        ("C-120", "a rolling minute for each key", "an exact log for each key"),
        ("C-121", "20 orders, 120 reads of all kinds", "two windows"),
        ("C-122", "three headers on every answer", "on every one"),
        ("C-123", "headers for nobody's call", "the group's limit, all of it left"),
        ("C-124", "Reset is a Unix time", "in seconds, by the clock of `Date`"),
        ("C-125", "when a rolling window resets", "when its oldest call leaves"),
        ("C-126", "Retry-After on 429 alone", "whole seconds, rounded up, at least 1"),
        ("C-127", "how to back off", "429s are counted for tests"),
        ("C-128", "which calls count", "all but the refused"),
        ("C-129", "how a window is counted", "`log`; also `log_1s`, `counter`, `fixed`"),
        ("C-130", "limits may change", "changed live"),
        ("C-131", "the code of a 429", "`rate_limited`"),
        ("C-132", "others on the same key", "`POST /foreign`"),
        ("C-133", "groups share nothing", "apart"),
        ("C-134", "the group of openapi.json", "none"),
        # Errors, versions
        ("C-140", "the envelope", "around every error"),
        ("C-141", "seven codes", "all of them, at their statuses"),
        ("C-142", "new codes may come", "only for what is not documented: 404 and 405"),
        ("C-143", "codes and statuses are frozen", "one table"),
        ("C-144", "messages are for people", "as in the reference"),
        ("C-145", "an internal error passes", "by fault rule"),
        ("C-146", "what an edge may answer", "by fault rule"),
        ("C-147", "fields are only added", "none are"),
        ("C-148", "endpoints and parameters are only added"),
        ("C-149", "an end is announced", "never"),
        ("C-150", "the body of any other 404", "an envelope"),
        ("C-151", "request ids", "`x-request-id`"),
        ("C-152", "the HTTP version", "1.1 with keep-alive"),
        ("C-153", "the first version", "`info.version`"),
        # The gateway
        ("C-160", "rotating: a new exit for every request", "for each request, and each CONNECT"),
        ("C-161", "inside a tunnel nothing rotates", "one exit a tunnel"),
        ("C-162", "sticky: the same exit until it expires", "by user name"),
        ("C-163", "then another, on the same credential", "at the next request"),
        ("C-164", "when a session's clock starts", "at its first use"),
        ("C-165", "what becomes of credentials", "they outlive their key"),
        ("C-166", "balances are the pools'", "metered and refused by pool"),
        ("C-167", "what counts", "every byte between client and gateway; own refusals are free"),
        ("C-168", "an exhausted balance", "402, with `Proxy-Status`"),
        ("C-169", "other refusals of gateways", "403, 502, 503, 504, and fault rules"),
        ("C-170", "how late the meter is", "not at all"),
        ("C-171", "the domain of usage", "the target's host"),
        ("C-172", "a 407 carries its challenge", "`Proxy-Authenticate: Basic`"),
    )
)
"""The whole contract, in its order."""
