"""WHAT crowdlog reads, knows and publishes: declarations only, and the one loader that checks them."""
