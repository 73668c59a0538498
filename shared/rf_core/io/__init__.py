"""The half of the core that touches network, disk and clock."""
