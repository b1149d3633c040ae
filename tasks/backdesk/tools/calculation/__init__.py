"""Calculation without `eval`: exact numbers, percentages, amounts of money, units of measure, dates and working days.

`calculate` is the function, `tool` what agents are given. Whatever is written, it costs little: an expression is short,
and no number in it has more than some thousand bits.
"""
