"""What programs may ask of AURA over HTTP, as OpenAPI 3.1: `document` puts it together, the other modules hold its parts."""
