"""The state of the emulated Kling: accounts, tasks, packs, and the rules that change them."""
