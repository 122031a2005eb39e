"""The part of Windows PowerShell 5.1 that a simulated host understands: one pipeline of known commands at a
time.
"""
