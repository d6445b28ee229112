"""A sum over all processes by jax.distributed, with what idetcd gives."""

import os
import socket
import time

import jax

STEPS = 12

print("I am", socket.getfqdn(), flush=True)
peers = os.environ["IDETCD_PEERS"].split()
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"{peers[0]}:1234", num_processes=len(peers), process_id=int(os.environ["IDETCD_RANK"]))

from jax.experimental import multihost_utils  # noqa: E402

weight = 0.0
for step in range(1, STEPS + 1):
    gradients = multihost_utils.process_allgather(jax.numpy.array([2 * (weight - 3.0)]))
    weight -= 0.2 * float(gradients.mean())
    print(f"step {step} of {STEPS}", flush=True)
    time.sleep(0.3)
print(f"result {weight:.4f}", flush=True)
