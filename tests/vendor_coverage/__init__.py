"""The paths of the vendor's API in the client and the emulator, as generated pages."""
