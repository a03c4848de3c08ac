"""The notebooks: reading and writing them, their normal form, their rules, and the kernel that executes them."""
