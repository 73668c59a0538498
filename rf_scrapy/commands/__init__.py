"""What the add-on adds to the `scrapy` command."""
