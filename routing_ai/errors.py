"""Errors of the app, by whose fault they are.

RoutingError           has a `code` (the name of a fault in docs/reference/protocol.md), `retry`, `retry_after` in seconds
├── NoModel            nothing is configured, or installed, that could answer
├── BudgetExhausted    nothing affordable is left today
├── RateLimited        the API key has used what it may in a minute
├── CannotContinue     the answer broke off, and no model of the tier can go on with it
└── ProviderError      the model's endpoint
    ├── ProviderFailed     refused, or broke before the first token
    │   ├── ModelUnknown       it has no such model, or is not what its address says
    │   └── ProviderRefused    this request will not do: a wrong parameter
    │       └── TooLong            the conversation is longer than the model can read
    ├── ProviderCut        broke off in mid-answer
    └── ProviderTimeout    was silent too long
"""


class RoutingError(Exception):
    """An answer that cannot be had."""

    code = "internal"
    retry = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoModel(RoutingError):
    code = "no_model"


class BudgetExhausted(RoutingError):
    code = "budget_exhausted"


class RateLimited(RoutingError):
    code = "rate_limited"
    retry = True


class CannotContinue(RoutingError):
    code = "interrupted"
    retry = True


class ProviderError(RoutingError):
    code = "provider_failed"
    retry = True


class ProviderFailed(ProviderError):
    """`permanent` when the same request would be refused again (a wrong key, an unknown model)."""

    def __init__(self, message: str, *, retry_after: float | None = None, permanent: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry = not permanent


class ModelUnknown(ProviderFailed):
    """The endpoint says that what is asked for is not there."""


class ProviderRefused(ProviderFailed):
    """The endpoint works, and answers nobody what is asked like this."""

    code = "malformed"


class TooLong(ProviderRefused):
    code = "too_large"


class ProviderCut(ProviderError):
    code = "provider_cut"


class ProviderTimeout(ProviderError):
    code = "provider_timeout"
