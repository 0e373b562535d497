"""The bound of the parity tests: as near to fp64 as the peer's own fp32 is, give or take a factor of four."""

import statistics

FACTOR = 4.0
FLOOR = 2e-5
ZERO = 1e-8  # of a typical gradient: a gradient that is zero but for rounding
SENSIBLE = 1e-2  # a peer that is further from its own fp64 proves nothing


def root_mean_square(tensor):
    return tensor.double().pow(2).mean().sqrt().item()


def relative_error(value, reference):
    """L2 norm of the difference over the L2 norm of `reference`."""
    return root_mean_square(value.double() - reference.double()) / root_mean_square(reference)


def typical_gradient(exact):
    """The median scale of the gradients that are more than rounding; many may be exactly zero."""
    scales = [root_mean_square(tensor) for name, tensor in exact.items() if name.startswith("grad.")]
    largest = max(scales, default=0.0)
    return statistics.median(scale for scale in scales if scale > ZERO * largest) if largest > 0 else 1.0


def assert_parity(ours, peer, exact):
    """All three are name -> tensor; `exact` is the peer in fp64. Errors are L2 norms relative to `exact`; a gradient
    that is zero but for rounding is judged against a typical one."""
    assert ours.keys() == exact.keys()
    typical = typical_gradient(exact)
    faults = []
    for name, reference in exact.items():
        assert ours[name].shape == reference.shape, name
        scale = root_mean_square(reference)
        if scale < ZERO * typical:
            scale = typical
        error = root_mean_square(ours[name].double() - reference) / scale
        bound = max(FACTOR * root_mean_square(peer[name].double() - reference) / scale, FLOOR)
        assert bound < SENSIBLE, f"{name}: the peer's own error is {bound / FACTOR:.2e}"
        if not error <= bound:
            faults.append(f"{name}: {error:.2e} > {bound:.2e}")
    assert not faults, "\n".join(faults)
