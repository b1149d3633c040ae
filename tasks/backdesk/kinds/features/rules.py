"""The plan where no model is configured, or none that fits: by the types of the columns and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backdesk.agents import Call, Reply, Situation
from backdesk.kinds.features.contract import ColumnProfile, Feature, FeaturePlan, Rule
from backdesk.kinds.features.statements import first_rows, fits, is_number, is_time

_AMOUNT = re.compile(r"quantity|amount|price|count|total|cents|weight|age|duration", re.IGNORECASE)
_IDENTITY = re.compile(r"(?:^|_)(?:id|uuid|key|number)$", re.IGNORECASE)
#: A column that lacks more is no reason to leave its rows out.
_MOST_NULLS = 0.2
#: Of texts: with more values their frequency says little.
_MOST_VALUES = 50
_MOST_FEATURES = 100


def plan_for(columns: Sequence[ColumnProfile]) -> FeaturePlan:
    """Return a plan that makes what can be made of each column."""
    known = [column for column in columns if column.null_share < _MOST_NULLS]
    amounts = [each.name for each in known if is_number(each.type) and _AMOUNT.search(each.name)]
    return FeaturePlan(
        summary="Each column gives what its type allows; rows that lack a value or have a wrong one are left out.",
        required=[column.name for column in known][:100],
        rules=[Rule(column=name, least=0) for name in amounts][:100],
        features=[*_features(columns)][:_MOST_FEATURES] or [Feature(column=columns[0].name, kind="missing")],
    )


def calls_for(dataset: str, columns: Sequence[ColumnProfile], now: Situation) -> Reply | None:
    """Return the call that is made next before the plan is given, by the tools that a model has; else None."""
    if not now.replies_of("execute_query"):
        return (Call("execute_query", {"sql": first_rows(dataset)}),)
    if not now.replies_of("save_job"):
        return (Call("save_job", {"plan": plan_for(columns).model_dump(mode="json")}),)
    return None


def fitted(plan: FeaturePlan, columns: Sequence[ColumnProfile]) -> tuple[FeaturePlan | None, list[str]]:
    """Return of a plan what can be made of the columns, None when nothing can, and what was left out."""
    by_name = {column.name: column for column in columns}
    features = [each for each in plan.features if each.column in by_name and fits(each, by_name[each.column])]
    features = list(dict.fromkeys(features))
    rules = [each for each in plan.rules if each.column in by_name and is_number(by_name[each.column].type)]
    required = [each for each in dict.fromkeys(plan.required) if each in by_name]
    dropped = [f"{each.column}_{each.kind}" for each in plan.features if each not in features]
    dropped += [each.column for each in plan.rules if each not in rules]
    dropped += [each for each in plan.required if each not in by_name]
    if not features:
        return None, dropped
    return plan.model_copy(update={"features": features, "rules": rules, "required": required}), dropped


def _features(columns: Sequence[ColumnProfile]) -> Iterator[Feature]:
    for column in columns:
        if column.null_share >= _MOST_NULLS:  # with less, no row lacks it that is left
            yield Feature(column=column.name, kind="missing")
        if _IDENTITY.search(column.name):
            continue
        if is_number(column.type):
            yield Feature(column=column.name, kind="zscore")
        elif is_time(column.type):
            yield Feature(column=column.name, kind="month")
            yield Feature(column=column.name, kind="weekday")
        elif column.distinct <= _MOST_VALUES:
            yield Feature(column=column.name, kind="frequency")
