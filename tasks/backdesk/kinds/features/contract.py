"""The kinds `data.features`, and `data.features.step`, by which its steps are run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from backdesk.platform.contract import Contract, DatasetName, KindModels

Quality = Literal["low", "medium", "high"]
StepName = Literal["profile", "clean", "features", "check"]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FeatureKind = Literal["zscore", "log", "missing", "frequency", "year", "month", "weekday"]


class FeatureRequest(Contract):
    """Which data set to extract features from, and what for, for the kind `data.features`."""

    dataset_id: DatasetName = Field(description="A data set of the tenant, by the catalogue of queries.")
    description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)] = Field(
        description="What the features are for."
    )
    quality_threshold: Quality = Field("medium", description="How much of the data must be valid: 80, 90 or 97 %.")
    completion_date: AwareDatetime | None = Field(None, description="By when it should be done; with a time zone.")


class Rule(BaseModel):
    """What is valid of a column of numbers: from `least` to `most`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    column: ColumnName
    least: float | None = None
    most: float | None = None


class Feature(BaseModel):
    """One feature, made of one column.

    `zscore` and `log` are of numbers, `year`, `month` and `weekday` of days and times, `frequency` (the share of rows
    that have the same value) and `missing` (1 where there is none) of anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: ColumnName
    kind: FeatureKind


class FeaturePlan(BaseModel):
    """What to make of a data set: which rows are valid, and which features they give."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: Annotated[str, StringConstraints(max_length=500)] = Field(description="Why so, in a sentence.")
    required: list[ColumnName] = Field([], max_length=100, description="Columns without which a row is invalid.")
    rules: list[Rule] = Field([], max_length=100)
    features: list[Feature] = Field(min_length=1, max_length=100)


class ColumnProfile(Contract):
    """What is in a column, as counted."""

    name: str
    type: str
    nulls: int
    null_share: float
    distinct: int
    least: str | None = None
    most: str | None = None
    mean: float | None = None


class FeatureColumn(Contract):
    """A feature that was made, as counted."""

    name: str
    nulls: int
    least: float | None
    most: float | None
    mean: float | None


class StepRequest(Contract):
    """One step of an extraction, for the kind `data.features.step`."""

    step: StepName
    dataset_id: DatasetName
    pipeline_id: str = ""
    quality_threshold: Quality = "medium"
    columns: list[ColumnProfile] = Field([])
    plan: FeaturePlan | None = None


class StepResult(Contract):
    """What a step has counted. `passed` is of a check alone."""

    step: StepName
    seconds: float
    figures: dict[str, Any] = Field({})
    columns: list[ColumnProfile] = Field([])
    features: list[FeatureColumn] = Field([])
    passed: bool | None = None
    reason: str | None = None


class PipelineStep(Contract):
    """A step of the pipeline, as the caller sees it."""

    name: str
    title: str
    status: Literal["queued", "processing", "completed", "failed", "skipped"]
    seconds: float | None = None
    figures: dict[str, Any] = Field({})


class FeatureMetrics(Contract):
    """What was counted; null for steps that were not come to."""

    rows: int | None = None
    duplicates_removed: int | None = None
    invalid_removed: int | None = None
    valid_share: float | None = Field(None, description="Of the rows that are there once.")
    null_share: float | None = Field(None, description="Of the feature that lacks most.")
    feature_rows: int | None = None
    features: list[FeatureColumn] = Field([])


class FeatureResult(Contract):
    """The extraction, its pipeline, and what it came to."""

    extraction_id: str
    dataset_id: str
    sample: bool = Field(description="Whether the data is made up.")
    status: Literal["queued", "processing", "completed", "failed"]
    failure_reason: str | None = None
    planned_by: Literal["model", "rules"]
    plan: FeaturePlan
    estimated_completion: AwareDatetime = Field(description="As estimated once the data had been looked through.")
    on_time: bool | None = Field(description="Whether that is by the completion date; null without one.")
    completed_at: AwareDatetime
    pipeline_id: str
    job_url: str
    steps: list[PipelineStep]
    metrics: FeatureMetrics


KIND = KindModels("data.features", "agents", FeatureRequest, FeatureResult)
PARTS = (KindModels("data.features.step", "tools", StepRequest, StepResult),)
