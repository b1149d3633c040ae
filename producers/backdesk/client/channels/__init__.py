"""What clients hear from Redis: one subscription for all that follow something, on an event loop or in a thread.

`hub` is the subscription itself, `inbox` what is kept for a follower who is busy; `aio` and `blocking` say how a
follower waits, in the same words but for the `Async` in front.
"""
