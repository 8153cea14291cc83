"""Cluster specs and playbooks: text becomes values that nothing behind them needs to check again."""
