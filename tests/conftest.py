"""What holds for every test."""

import signal

from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("untimed", settings.get_profile("default"), deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("untimed")

# Whoever starts the tests in a shell's background hands on that SIGINT is to be ignored, and the
# programs that are interrupted here would inherit it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
