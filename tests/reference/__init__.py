"""The reference documents of both servers: OpenAPI, and the page on fidelity."""
