"""The files that are generated from the client's endpoints: index, typed stub, tables of a page."""
