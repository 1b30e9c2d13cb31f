"""What the emulated Kling remembers: accounts, tasks, packs, and the rules that change them."""
