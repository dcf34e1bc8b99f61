"""What was written for the gateway and proven, and what went through it."""

from .health import VersionHealth
from .quotas import QuotaUse
from .receipts import (
    Receipt,
    ReceiptStatus,
    Revision,
    VersionProblem,
    _receipt_id,  # noqa: F401  the first migration names it here
)
from .usage import (
    BUCKETS_MS,
    CallCount,
    CallSeries,
    DayCalls,
    FailedCall,
    HourCalls,
    LogPosition,
    MinuteCalls,
    RollupDue,
)

__all__ = [
    "BUCKETS_MS",
    "CallCount",
    "CallSeries",
    "DayCalls",
    "FailedCall",
    "HourCalls",
    "LogPosition",
    "MinuteCalls",
    "QuotaUse",
    "Receipt",
    "ReceiptStatus",
    "Revision",
    "RollupDue",
    "VersionHealth",
    "VersionProblem",
]
