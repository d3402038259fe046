"""Which templates earn their place: by bytes saved on texts they were not made from, less what it costs to carry them."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from compression.codec.matcher import Matcher
from compression.codec.template import Template

#: Templates tried on one text.
_TRIED = 16


@dataclass(frozen=True, slots=True)
class Chosen:
    """A template that earns its place: what it saves in bytes by itself over `hits` texts, beside those chosen before."""

    template: Template
    hits: int
    saved: int
    carrying: float


def carrying_cost(template: Template) -> float:
    """Return about how many bytes a template adds to the download of a library: compressed, as clients fetch it.

    Measured on libraries of 100 to 1,000 templates, which Brotli brings to about 0.22 of their size.
    """
    return 0.22 * (template.fixed_bytes + 3 * len(template.parts) + 16)


def choose(
    templates: Iterable[Template],
    held_out: Sequence[str],
    fallback: Callable[[str], int],
    *,
    carrying: Callable[[Template], float] = carrying_cost,
    horizon: float = 1.0,
    limit: int = 10_000,
) -> list[Chosen]:
    """Return the templates worth carrying, the best first; at most `limit`.

    `fallback` gives the bytes of a text coded without templates. `held_out` are texts as they come; savings on them count
    `horizon` times: how many times as many texts will be sent before the library is fetched again. Lazy greedy
    (Minoux, 1978): the bytes saved are submodular, so a gain computed earlier bounds the present one.
    """
    known = {template.id: template for template in templates}
    hits: dict[int, list[tuple[int, int]]] = {}
    cost = []
    matcher = Matcher(known.values())
    for place, text in enumerate(held_out):
        found: dict[int, int] = {}
        for template in islice(matcher.candidates(text), _TRIED):
            slots = template.match(text)
            if slots is not None:
                found[template.id] = template.coded_size(slots)
        cost.append(fallback(text) if found else 0)
        for number, size in found.items():
            if size < cost[place]:
                hits.setdefault(number, []).append((place, size))

    def gain(number: int) -> tuple[float, int]:
        saved = sum(cost[place] - size for place, size in hits[number] if size < cost[place])
        return saved * horizon - carrying(known[number]), saved

    heap = [(-gain(number)[0], number) for number in hits]
    heapq.heapify(heap)
    chosen: list[Chosen] = []
    while heap and len(chosen) < limit:
        _, number = heapq.heappop(heap)
        worth, saved = gain(number)
        if worth <= 0:
            continue
        if heap and worth < -heap[0][0]:
            heapq.heappush(heap, (-worth, number))
            continue
        template = known[number]
        chosen.append(Chosen(template, len(hits[number]), saved, carrying(template)))
        for place, size in hits[number]:
            cost[place] = min(cost[place], size)
    return chosen
