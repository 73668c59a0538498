"""What holds for every test."""

from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("untimed", settings.get_profile("default"), deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("untimed")
