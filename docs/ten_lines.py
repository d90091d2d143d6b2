"""A grid with its frame, matrix and LaTeX; then an array of one's own, protected and attacked."""

import numpy as np

import uebench

result = uebench.run(["lsp", "random"], "resnet18", data="orl(identities=4)", preset="smoke", with_clean=True)
print(result.frame()[["method", "attacker", "accuracy", "low", "high"]])
print(result.matrix())
print(result.to_latex(caption="Clean test accuracy in percent"))
images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
people = np.repeat(["Ann", "Bob", "Cleo", "Dan"], 10)
protected = uebench.protect(images, people, method="lsp", preset="smoke")
attack = uebench.attack(protected, people, images, people, attacker="resnet18", preset="smoke")
print(f"{attack.counts.correct} of {attack.counts.n} clean photographs recognised")
