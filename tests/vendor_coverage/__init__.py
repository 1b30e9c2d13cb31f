"""Which paths of the vendor's API the client and the emulator have, as generated pages."""
