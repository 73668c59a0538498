"""A stand-in for the provider on loopback: the API, a gateway that meters, a site to crawl.

It shares no code with the client it judges: one that did would agree with the client's mistakes.
"""
