"""A credential's URL, given to curl as it is: what arrives is the credential."""

import shutil
import subprocess

import pytest
from support.proxies import RememberingProxy

from rf_core.models import Proxy
from rf_core.redaction import Secret

WORDS = [
    ("user-country-us-session-abc123", "hunter2"),
    ("user", "a:b@c/d?e#f%g&h+i=j"),
    ("user", "%41%2F%%"),
    ("user", " !\"$'()*,;<>[\\]^_`{|}~"),
    ("us%er@shop/1#?", "p"),
]


@pytest.mark.parametrize("target", ["http://target.example/", "https://target.example/"])
@pytest.mark.parametrize(("username", "password"), WORDS)
def test_what_arrives_is_the_credential_to_the_byte(username, password, target):
    """C-075"""
    curl = shutil.which("curl")
    if curl is None:
        pytest.fail("this journey needs curl: install it, or run make test instead")
    with RememberingProxy() as proxy:
        url = Proxy("127.0.0.1", proxy.port, username, Secret(password)).url
        subprocess.run(
            [curl, "-sS", "-x", url, target], capture_output=True, timeout=20, check=False
        )
        assert proxy.came[0][1] == f"{username}:{password}".encode()
