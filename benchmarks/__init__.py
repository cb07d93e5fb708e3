"""What requestshook costs, measured beside plain `requests` and beside its peers: `python -m benchmarks`.

docs/performance.md says how it is measured, and holds the newest figures.
"""
