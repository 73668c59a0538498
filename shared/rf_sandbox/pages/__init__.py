"""What the site answers: a catalogue to crawl, and odd behaviours, each made from its address."""

from rf_sandbox.pages.asked import Asked
from rf_sandbox.pages.goods import item_bytes
from rf_sandbox.pages.reply import Reply, some_bytes
from rf_sandbox.pages.site import Site

__all__ = ["Asked", "Reply", "Site", "item_bytes", "some_bytes"]
