"""The proof by force: real workers are killed, frozen and cut off while they work, and then the books are checked.

`python -m tests.chaos` runs it. The parts: a `plan` of faults and the `orders` that are work, both out of a seed; a
`deployment` of real processes; the `hand` that deals the faults, the `producer` that submits and the `clerk` that
answers; the `witness`, a database in which every body writes down what it really did; at the end the `evidence` of
both sides, the `checks` that compare them, and the `report`.
"""
