"""An endpoint that the vendor does not have, as the recipe of CONTRIBUTING.md has it added."""
