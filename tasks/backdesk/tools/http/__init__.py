"""Calls of declared HTTP APIs: to listed hosts and public addresses alone, bounded in time and size, kept for a time.

Begin with `tool`. Below it: `operation` fills a declaration with arguments, `caller` repeats and keeps, `fetch` asks
once within what `guard` allows.
"""
