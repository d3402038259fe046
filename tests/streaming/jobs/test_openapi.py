"""The endpoints and parameters that requests are checked by are described; tests/aura_site/test_openapi.py tries them."""

from streaming.datasets.parameters import ENDPOINTS
from streaming.jobs.openapi import description


def test_every_endpoint_and_parameter_is_described() -> None:
    paths = description("1")["paths"]
    for endpoint in ENDPOINTS.values():
        methods = paths[f"/deep_tree_echo/{endpoint.name}"]
        described = {item["name"]: item["schema"] for item in methods["post"]["parameters"]}
        for parameter in endpoint.parameters:
            assert described[parameter.name] == parameter.schema
        assert ("get" in methods) == endpoint.readable
