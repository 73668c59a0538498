"""Login, cart, checkout: flows that are whole only if their session keeps its exit to the end."""

from __future__ import annotations

SETTINGS = {
    "RF_BAN_HTTP_CODES": [], "RETRY_TIMES": 5, "LOG_LEVEL": "INFO",
    "CONCURRENT_REQUESTS": 32, "CONCURRENT_REQUESTS_PER_DOMAIN": 32, "RF_LIVE_PROXIES": 48,
}  # fmt: skip

SPIDER = """
class Flows(scrapy.Spider):
    name = "flows"
    handle_httpstatus_list = [403]

    async def start(self):
        for number in range({flows}):
            yield self.step("/login", self.form, str(number), 1)

    def step(self, path, then, flow, tries, **form):
        meta = {{"rf_session": flow}}
        more = {{"meta": meta, "callback": then, "cb_kwargs": {{"flow": flow, "tries": tries}}}}
        # Started flows first: the lease of one that waits runs out.
        more |= {{"dont_filter": True, "priority": 0 if path == "/login" else 10}}
        if form or path == "/checkout":
            return scrapy.FormRequest("{site}" + path, formdata=form, method="POST", **more)
        return scrapy.Request("{site}" + path, **more)

    def is_over(self, response, *titles):
        return response.css("title::text").get() not in titles

    def again(self, flow, tries):
        self.crawler.stats.inc_value("flows/again")
        yield self.step("/login", self.form, flow, tries + 1)

    def form(self, response, flow, tries):
        token = response.css("[name=token]::attr(value)").get()
        form = {{"username": "reader", "password": "paper", "token": token or ""}}
        yield self.step("/login", self.inside, flow, tries, **form)

    def inside(self, response, flow, tries):
        if self.is_over(response, "Account"):
            yield from self.again(flow, tries)
        elif tries == 1 and int(flow) % {dawdler} == 0:
            # Thinks about it until its lease is over.
            yield self.step("/slow/{dawdle}", self.thought, flow, tries)
        else:
            yield from self.thought(response, flow, tries)

    def thought(self, response, flow, tries):
        item = str(int(flow) % 400 + 1)
        yield self.step("/cart", self.filled, flow, tries, item=item)

    def filled(self, response, flow, tries):
        if self.is_over(response, "Cart"):
            yield from self.again(flow, tries)
        else:
            yield self.step("/checkout", self.ordered, flow, tries)

    def ordered(self, response, flow, tries):
        number = response.css("#order::text").get()
        if number is None:
            yield from self.again(flow, tries)
        else:
            yield {{"flow": flow, "order": number, "tries": tries}}
"""


def spider(site: str, flows: int, dawdler: int, dawdle_milliseconds: int) -> str:
    """The spider's source; every so many flows dawdle, and lose their lease on the way."""
    return SPIDER.format(site=site, flows=flows, dawdler=dawdler, dawdle=dawdle_milliseconds)


def assert_no_session_spans_two_exits(sandbox, items, flows, stats) -> None:
    """By what the site saw, by what the gateway saw, and by what came of each flow."""
    assert sorted(int(item["flow"]) for item in items) == list(range(flows))
    assert len({item["order"] for item in items}) == flows
    events = sandbox.state()["site"]["events"]
    assert events.get("sessions_dropped_address", 0) == 0
    assert events["orders"] >= flows  # a lease may end between an order and its page
    rows = [row for row in sandbox.traffic()["traffic"] if row["exit"]]
    exits: dict[str, set[str]] = {}
    for row in rows:
        exits.setdefault(row["username"], set()).add(row["exit"])
    assert {name: seen for name, seen in exits.items() if len(seen) > 1} == {}
    assert stats["rf/requests/direct"] == 0
