"""A typed client for the Kling AI video API that never pays twice."""
