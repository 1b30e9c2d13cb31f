"""The facts of each product: one module has all that is known of it and of no other.

A module may have `REQUEST`, its path and fields; `PATH_REQUEST`, the same on the interface with the
model in the path; `MODELS` and `PATH_MODELS`, the models on either; `PRICES`, its rows of the price
list, and `USES`, what decides between them. What several products share is imported.
"""
