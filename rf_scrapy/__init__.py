"""The Scrapy front end."""
