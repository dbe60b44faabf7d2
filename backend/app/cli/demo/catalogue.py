"""The made-up shop: its services, their paths, what they say, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

TABLE_SIZE = 1024  # a power of two: tables are read with a mask, not with a division

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")

PHRASE = "connection refused"
RARE_WORD = "quasarlatch"
RARE_EVERY = 20_000  # one record in so many carries RARE_WORD
TRACE_RECORDS = 5  # records of one trace
USERS = 200_000


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `weight` is its share of the traffic, `typical_ms` its median latency."""

    name: str
    weight: int
    typical_ms: float
    paths: tuple[str, ...]


SERVICES: tuple[Service, ...] = (
    Service("gateway", 18, 12.0, ("/", "/api/v1/session", "/api/v1/orders", "/assets/app.js")),
    Service("checkout", 12, 85.0, ("/api/v1/checkout", "/api/v1/checkout/confirm", "/api/v1/cart")),
    Service("catalogue", 10, 22.0, ("/api/v1/products", "/api/v1/categories", "/api/v1/brands")),
    Service("search", 9, 41.0, ("/api/v1/search", "/api/v1/suggest")),
    Service("cart", 8, 15.0, ("/api/v1/cart", "/api/v1/cart/items", "/api/v1/cart/coupon")),
    Service(
        "payments", 7, 190.0, ("/api/v1/payments", "/api/v1/payments/refund", "/webhooks/bank")
    ),
    Service("auth", 6, 48.0, ("/api/v1/login", "/api/v1/token", "/api/v1/logout")),
    Service("users", 5, 18.0, ("/api/v1/users/me", "/api/v1/users/addresses")),
    Service("inventory", 5, 27.0, ("/internal/stock", "/internal/reservations")),
    Service("recommendations", 4, 64.0, ("/api/v1/recommendations", "/api/v1/trending")),
    Service("pricing", 4, 9.0, ("/internal/prices", "/internal/discounts")),
    Service("shipping", 3, 73.0, ("/api/v1/shipments", "/api/v1/shipments/labels")),
    Service("notifications", 2, 31.0, ("/internal/notify", "/internal/templates")),
    Service("reviews", 2, 25.0, ("/api/v1/reviews",)),
    Service("fraud", 2, 120.0, ("/internal/score", "/internal/checkout-rules")),
    Service("billing", 1, 95.0, ("/internal/invoices", "/internal/ledger")),
    Service("media", 1, 55.0, ("/media/images", "/media/thumbnails")),
    Service("mailer", 1, 140.0, ("/internal/mail",)),
    Service("reports", 1, 620.0, ("/internal/reports/daily", "/internal/reports/weekly")),
    Service("scheduler", 1, 5.0, ("/internal/jobs",)),
)

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "ap-south-1")
METHODS = ("GET", "GET", "GET", "POST", "GET", "PUT", "GET", "DELETE")
# Of 1,024: mostly fine, some warnings, few errors, a fatal one now and then.
LEVEL_WEIGHTS = {"debug": 80, "info": 820, "warn": 80, "error": 42, "fatal": 2}
STATUS_OF_LEVEL: dict[str, tuple[int, ...]] = {
    "debug": (200, 200, 204, 304),
    "info": (200, 200, 200, 201, 204, 200, 302, 200),
    "warn": (400, 401, 404, 404, 409, 422, 429, 404),
    "error": (500, 502, 503, 504),
    "fatal": (500, 503),
}
STACK_TRACE = "\n".join(
    (
        "Traceback (most recent call last):",
        '  File "/srv/app/handlers.py", line 118, in dispatch',
        "    response = handler(request, **arguments)",
        '  File "/srv/app/orders/service.py", line 64, in reserve',
        "    stock.reserve(order.lines, timeout=2.0)",
        '  File "/srv/app/stock/client.py", line 201, in reserve',
        "    raise StockTimeout(reservation.id)",
    )
)


def _spread(weights: dict[str, int]) -> tuple[str, ...]:
    """A table of TABLE_SIZE in which each name has its share, in an order that repeats quickly."""
    total = sum(weights.values())
    names = [name for name, weight in weights.items() for _ in range(weight)]
    return tuple(names[position * total // TABLE_SIZE] for position in range(TABLE_SIZE))


LEVEL_TABLE = _spread(LEVEL_WEIGHTS)
SERVICE_TABLE = _spread({service.name: service.weight for service in SERVICES})
# Latencies are log-normal: a multiple of the median for each thousandth of the traffic.
LATENCY_FACTORS = tuple(
    2.718281828 ** (0.6 * NormalDist().inv_cdf((position + 0.5) / TABLE_SIZE))
    for position in range(TABLE_SIZE)
)
