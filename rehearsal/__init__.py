"""Simulated Windows hosts that speak WinRM, to rehearse a rollout without Windows."""
